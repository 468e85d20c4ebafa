package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// Zync has a token for each tenant. It is an [http.RoundTripper], so that the program's
// own client talks to it.
type Zync struct {
	*Server
	proc *Process
	data *zyncData
}

type zyncData struct {
	mu    sync.Mutex
	holds map[int64]string // digest of what Zync holds, by tenant
	// answer returns another status than usual, or 0 for the usual one. If Stored is
	// added to the status, Zync stores the token and then fails.
	answer func(tenant int64) int
	// onStore is called with every token that Zync stores.
	onStore func(tenant int64, digest string, ours bool)
	echo    float64 // chance that a push arrives a second time, later
	chance  *rand.Rand
	pushes  int
	served  map[*Process]time.Time // the last delivery that a process knows of
}

// NewZync returns a Zync that knows no tenant.
func NewZync() *Zync {
	return &Zync{Server: &Server{}, data: &zyncData{holds: map[int64]string{}, served: map[*Process]time.Time{}}}
}

const (
	// Stored is added to the status of a failure if the token is stored nevertheless.
	Stored = 1000
	// Hang in place of a status means that there is no answer.
	Hang = -1
)

// Answer makes f choose the status of each answer. f returns 0 for the usual one.
func (z *Zync) Answer(f func(tenant int64) int) {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	z.data.answer = f
}

// Holds returns the digest of the token that Zync has for a tenant.
func (z *Zync) Holds(tenant int64) string {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	return z.data.holds[tenant]
}

// answered notes that the process knows about a delivery.
func (z *Zync) answered() {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	z.data.served[z.proc] = time.Now()
}

// LastDelivery is when a process last delivered a token, as far as it knows.
func (z *Zync) LastDelivery(by *Process) time.Time {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	return z.data.served[by]
}

// Pushes is how many pushes have arrived.
func (z *Zync) Pushes() int {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	return z.data.pushes
}

// Take stores a token as if Porta itself had pushed it.
func (z *Zync) Take(tenant int64, digest string) {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	z.data.store(tenant, digest, false)
}

// Forget makes Zync forget a tenant.
func (z *Zync) Forget(tenant int64) {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	delete(z.data.holds, tenant)
}

// OnStore makes f be called with every token that Zync stores. ours is true for a push
// of the program, and false for a push of Porta or an echo.
func (z *Zync) OnStore(f func(tenant int64, digest string, ours bool)) { z.data.onStore = f }

// Echo makes some pushes arrive a second time, up to a minute later. chance is the
// probability, draw the random source.
func (z *Zync) Echo(chance float64, draw *rand.Rand) {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	z.data.echo, z.data.chance = chance, draw
}

func (d *zyncData) store(tenant int64, digest string, ours bool) {
	d.holds[tenant] = digest
	if d.onStore != nil {
		d.onStore(tenant, digest, ours)
	}
}

// RoundTrip implements [http.RoundTripper].
func (z *Zync) RoundTrip(r *http.Request) (*http.Response, error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GotConn != nil && z.Up() {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	status, body := http.StatusOK, "{}"
	err := call(r.Context(), z.proc, z.Server, func() error {
		if r.Method != http.MethodPut {
			return nil
		}
		var err error
		status, err = z.put(r)
		body = ""
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.Method == http.MethodPut && status == http.StatusNoContent {
		z.answered()
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)), ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

func (z *Zync) put(r *http.Request) (int, error) {
	var body struct {
		ID          int64  `json:"id"`
		AccessToken string `json:"access_token"`
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	if err := json.NewDecoder(bytes.NewReader(content)).Decode(&body); err != nil {
		return 0, errors.New("a push that is no JSON")
	}
	digest := porta.Digest(body.AccessToken)
	status := z.take(body.ID, digest)
	if status == Hang {
		<-r.Context().Done()
		return 0, r.Context().Err()
	}
	return status, nil
}

func (z *Zync) take(tenant int64, digest string) int {
	z.data.mu.Lock()
	defer z.data.mu.Unlock()
	z.data.pushes++
	if z.data.answer != nil {
		if status := z.data.answer(tenant); status != 0 {
			if status >= Stored {
				status -= Stored
				z.data.store(tenant, digest, true)
			}
			return status
		}
	}
	z.data.store(tenant, digest, true)
	if z.data.echo > 0 && z.data.chance.Float64() < z.data.echo {
		time.AfterFunc(time.Duration(z.data.chance.Int64N(int64(time.Minute))), func() { z.Take(tenant, digest) })
	}
	return http.StatusNoContent
}

// As returns Zync for the calls of a process.
func (z *Zync) As(proc *Process) *Zync {
	view := *z
	view.proc = proc
	return &view
}
