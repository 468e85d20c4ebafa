package rotate

import (
	"sync"
	"time"
)

const (
	// mostMints is how many tokens may be minted in a window for a tenant that keeps
	// failing.
	mostMints = 6
	// mostKept limits the tokens that are kept from one run to the next.
	mostKept = 20_000
)

// memory is what a run leaves to the next one of this process: tokens in hand, and failing
// tenants.
type memory struct {
	mu       sync.Mutex // the minter reads while the loop writes
	tenants  map[int64]*remembered
	straysAt time.Time // the window in which strays were last looked for
}

// remembered is what is known of a tenant that was not served.
type remembered struct {
	token   *token // in hand, to be pushed again; nil if there is none
	failing bool   // a push failed, or its token could not be minted
	mints   int    // in the window
	window  time.Time
	reason  string
}

func newMemory() *memory { return &memory{tenants: map[int64]*remembered{}} }

// holding returns the tenants for whom a token is in hand.
func (m *memory) holding() []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []int64
	for id, r := range m.tenants {
		if r.token != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// take returns the token in hand for a tenant that is due. It returns nil if that token must
// not be pushed again: a quarter of its life has passed, the tenant has another owner, or
// another process has served the tenant meanwhile.
func (m *memory) take(p planned, now time.Time, ttl time.Duration) *token {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.tenants[p.tenant.ID]
	if r == nil || r.token == nil {
		return nil
	}
	t := r.token
	r.token = nil
	age := time.Since(t.born)
	if age >= ttl/4 || t.tenant.OwnerID != p.tenant.OwnerID || p.served.After(now.Add(-age)) {
		return nil
	}
	t.planned, t.repeat, t.epoch = p, r.failing, 0
	t.tries, t.firstFail = 0, time.Time{}
	return t
}

// fails is true for a tenant that failed in an earlier run.
func (m *memory) fails(id int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.tenants[id]
	return r != nil && r.failing
}

// mayMint counts a token for a tenant. It returns why the tenant may have no more, or an
// empty text.
func (m *memory) mayMint(p planned, window time.Time) (refusal string) {
	if p.mints >= mostMints {
		return "its tokens are deleted as soon as they are minted"
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.tenants[p.tenant.ID]
	if r == nil {
		return ""
	}
	if !r.window.Equal(window) {
		r.mints, r.window = 0, window
	}
	if r.mints >= mostMints {
		return r.reason
	}
	r.mints++
	return ""
}

// keep remembers a token that was not pushed.
func (m *memory) keep(t *token, window time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tenants) < mostKept {
		m.of(t.planned, window).token = t
	}
}

// fail remembers that a tenant failed, with the token in hand if it has one.
func (m *memory) fail(p planned, t *token, window time.Time, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tenants[p.tenant.ID] == nil && len(m.tenants) >= mostKept {
		return
	}
	r := m.of(p, window)
	r.failing, r.token, r.reason = true, t, reason
}

// of returns what is remembered of a tenant, new if need be. The caller holds the
// lock.
func (m *memory) of(p planned, window time.Time) *remembered {
	r := m.tenants[p.tenant.ID]
	if r == nil {
		r = &remembered{mints: p.mints, window: window}
		m.tenants[p.tenant.ID] = r
	}
	if !r.window.Equal(window) {
		r.mints, r.window = p.mints, window
	}
	return r
}

// served forgets a tenant.
func (m *memory) served(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tenants, id)
}

// forget drops the tenants that no longer exist or no longer fail, after a run that reached
// everyone.
func (m *memory) forget(window time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.tenants {
		if !r.window.Equal(window) {
			delete(m.tenants, id)
		}
	}
}
