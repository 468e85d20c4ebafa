// Package zync stands in for Zync. It is as strict as the real one and has as few
// threads. It can fail in every way that Zync or the network before it can fail. It
// remembers which tenant had which token when.
package zync

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// Threads is the number of threads of Zync's web server. A connection occupies one
	// until it is closed.
	Threads = 3
	// silence is how long a thread waits for a request that does not come.
	silence = 30 * time.Second
)

// Push is one PUT as Zync received it.
type Push struct {
	N           int // counts PUTs from 1
	TenantID    int64
	Token       string
	HasEndpoint bool
}

// Fault says how a push fails. The zero Fault is no failure.
type Fault struct {
	Status int         // answer with this status instead of Zync's own
	Header http.Header // added to the answer
	Body   string      // instead of Zync's own
	Delay  time.Duration
	Store  bool // store the token although the push fails
	Cut    bool // close the connection instead of answering
	Hang   bool // do not answer until the client gives up
}

// Holding is a token that a tenant got at a time.
type Holding struct {
	TenantID int64
	Token    string
	Endpoint string
	At       time.Time
}

// Zync is a running stand-in.
type Zync struct {
	URL string

	server   *http.Server
	slots    chan struct{}
	mu       sync.Mutex
	token    string
	fault    func(Push) Fault
	delay    time.Duration
	holds    map[int64]Holding
	history  []Holding
	pushes   int
	open     int
	mostOpen int
	waited   time.Duration // by all connections, from their opening to the answer
}

// Options describe a stand-in.
type Options struct {
	Token   string        // the credential to require; none if empty
	Delay   time.Duration // how long each PUT takes
	Threads int           // Threads if zero
	Addr    string        // 127.0.0.1:0 if empty
}

// Start starts a stand-in on a free port of the loopback.
func Start(o Options) (*Zync, error) {
	if o.Threads == 0 {
		o.Threads = Threads
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	z := &Zync{
		URL: "http://" + listener.Addr().String(), token: o.Token, delay: o.Delay,
		slots: make(chan struct{}, o.Threads), holds: map[int64]Holding{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /tenant", z.putTenant)
	mux.HandleFunc("GET /status/live", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	z.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer r.Context().Value(threadKey{}).(*thread).answered()
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: silence,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, threadKey{}, conn)
		},
	}
	z.server.SetKeepAlivesEnabled(false)
	go func() { _ = z.server.Serve(&threads{Listener: listener, zync: z}) }()
	return z, nil
}

// threadKey is the key of the connection in a request's context.
type threadKey struct{}

// Close stops the stand-in.
func (z *Zync) Close() { _ = z.server.Close() }

// SetFault makes f decide how each push fails. nil ends all faults.
func (z *Zync) SetFault(f func(Push) Fault) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fault = f
}

// Know adds a tenant that Zync knows already, with its token and endpoint.
func (z *Zync) Know(id int64, endpoint, token string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.store(Holding{TenantID: id, Token: token, Endpoint: endpoint, At: time.Now()})
}

// Holds returns the tokens that Zync has, by tenant.
func (z *Zync) Holds() map[int64]Holding {
	z.mu.Lock()
	defer z.mu.Unlock()
	return maps.Clone(z.holds)
}

// History returns every token that was stored, in order.
func (z *Zync) History() []Holding {
	z.mu.Lock()
	defer z.mu.Unlock()
	return append([]Holding(nil), z.history...)
}

// Pushes is the number of PUTs so far.
func (z *Zync) Pushes() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.pushes
}

// Open is the number of connections that wait for their answer.
func (z *Zync) Open() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.open
}

// Latency is the average time of an answer, as the client saw it.
func (z *Zync) Latency() time.Duration {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.waited / time.Duration(max(1, z.pushes))
}

// MostOpen is the largest number of connections that waited for their answer at the
// same time.
func (z *Zync) MostOpen() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.mostOpen
}
