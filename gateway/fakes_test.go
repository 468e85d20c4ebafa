package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// tenantsFake is Porta's database in memory.
type tenantsFake struct {
	mu       sync.Mutex
	accounts map[string]db.Account
	tokens   map[string]bool // by digest: does it live
	err      error           // of every statement
	mintErr  error
	hang     bool          // until the statement's context ends
	delay    time.Duration // of a mint
	counters counts
}

func newTenantsFake(n int) *tenantsFake {
	f := &tenantsFake{accounts: map[string]db.Account{}, tokens: map[string]bool{}}
	for id := 1; id <= n; id++ {
		f.accounts[fmt.Sprintf("t%d.example.com", id)] = account(int64(id))
	}
	return f
}

func account(id int64) db.Account {
	return db.Account{
		Tenant: db.Tenant{
			ID: id, Host: sql.NullString{String: fmt.Sprintf("t%d.example.com", id), Valid: true},
			OwnerID: sql.NullInt64{Int64: 1000 + id, Valid: true}, OwnerTenantID: sql.NullInt64{Int64: id, Valid: true},
		},
		State: sql.NullString{String: "approved", Valid: true},
	}
}

func (f *tenantsFake) set(change func(f *tenantsFake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// counts are the counters now.
func (f *tenantsFake) counts() counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counters
}

// counts are the statements so far.
type counts struct {
	looks, mints, accepts int
	atOnce, mostAt        int // looks
}

// begin counts a statement, and fails it as told.
func (f *tenantsFake) begin(ctx context.Context, count *int) error {
	f.mu.Lock()
	*count++
	hang, err := f.hang, f.err
	f.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (f *tenantsFake) ByHost(ctx context.Context, host string) (db.Account, error) {
	f.set(func(f *tenantsFake) {
		f.counters.atOnce++
		f.counters.mostAt = max(f.counters.mostAt, f.counters.atOnce)
	})
	defer f.set(func(f *tenantsFake) { f.counters.atOnce-- })
	if err := f.begin(ctx, &f.counters.looks); err != nil {
		return db.Account{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range []string{host, strings.ToLower(host)} {
		if a, ok := f.accounts[h]; ok {
			return a, nil
		}
	}
	return db.Account{}, db.ErrNoTenant
}

func (f *tenantsFake) Mint(ctx context.Context, token db.NewToken, _ time.Duration) error {
	if err := f.begin(ctx, &f.counters.mints); err != nil {
		return err
	}
	f.mu.Lock()
	delay, err := f.delay, f.mintErr
	f.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	f.set(func(f *tenantsFake) { f.tokens[token.Digest.Reveal()] = true })
	return nil
}

func (f *tenantsFake) Accepts(ctx context.Context, digest secret.Text) (bool, error) {
	if err := f.begin(ctx, &f.counters.accepts); err != nil {
		return false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens[digest.Reveal()], nil
}

// revoke ends all tokens.
func (f *tenantsFake) revoke() { f.set(func(f *tenantsFake) { clear(f.tokens) }) }

// portaFake answers 200 to a token that lives, as the table of a test says otherwise.
type portaFake struct {
	tenants *tenantsFake
	answer  func(r *http.Request) (*http.Response, error) // nil for Porta's own

	mu    sync.Mutex
	asked []*http.Request
}

func (p *portaFake) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked = append(p.asked, r)
	answer := p.answer
	p.mu.Unlock()
	if answer != nil {
		return answer(r)
	}
	_, token, given := r.BasicAuth()
	p.tenants.mu.Lock()
	defer p.tenants.mu.Unlock()
	switch {
	case !given:
		return response(404, railsJSON), nil
	case !p.tenants.tokens[db.Digest(secret.New(token)).Reveal()]:
		return response(403, `{"error":"denied"}`), nil
	case strings.HasSuffix(r.URL.Path, "/proxy.json"):
		return response(200, `{"proxy":{"id":1}}`), nil
	case strings.HasSuffix(r.URL.Path, "/find.json"):
		return response(200, `{"application":{"id":1}}`), nil
	}
	return response(200, accountJSON), nil
}

func (p *portaFake) last() *http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 {
		return nil
	}
	return p.asked[len(p.asked)-1]
}

func (p *portaFake) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func (p *portaFake) answers(status int, body string) {
	p.answersBy(func(*http.Request) (*http.Response, error) { return response(status, body), nil })
}

func (p *portaFake) answersBy(f func(*http.Request) (*http.Response, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

func response(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}
