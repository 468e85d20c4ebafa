package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// useFor is how long a token is used at most before the next one is minted. It is at
	// most half of the token's life.
	useFor = time.Hour
	// lastMinutes of a token's life are not used, because Porta's clock may be ahead and
	// a request takes time. They are at most a quarter of the token's life.
	lastMinutes = 5 * time.Minute
	// lookEvery is how often a tenant with requests is looked up in MySQL.
	lookEvery = time.Minute
	// lookAgain is the pause after a lookup or mint that failed.
	lookAgain = 10 * time.Second
	// handMost limits the memory. If there are more tenants, some lose their token early.
	handMost = 100_000
)

// tokens are the tokens in hand, by host: one for each host that Zync asks for.
//
// A hit takes one read lock and one atomic load. Everything that needs MySQL happens in a
// flight. A host has one flight at a time. Requests that need its result wait for it and
// share it, also a failure. A flight has a context of its own, so it goes on after the
// requests have ended.
type tokens struct {
	tenants Tenants
	ttl     time.Duration
	now     func() time.Time

	mu     sync.RWMutex
	byHost map[string]*entry

	flights singleflight.Group
	work    sync.WaitGroup  // flights and the sweeper
	ctx     context.Context //nolint:containedctx // of the flights, which outlive requests
	stop    context.CancelFunc
}

// entry is a host's place in memory.
type entry struct {
	held atomic.Pointer[held] // never nil
	next atomic.Int64         // when its tenant is looked up next, in Unix nanoseconds
}

// held is a tenant as MySQL had it, with its token. It never changes after it is stored.
type held struct {
	tenantID int64
	ownerID  int64
	host     string // the account's own self_domain
	state    string
	token    *token
}

// token is a sync token that the gateway minted.
type token struct {
	plaintext secret.Text
	minted    time.Time
	dead      atomic.Bool // MySQL no longer has it
}

func newTokens(tenants Tenants, ttl time.Duration, now func() time.Time) *tokens {
	t := &tokens{tenants: tenants, ttl: ttl, now: now, byHost: map[string]*entry{}}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.work.Go(t.sweepNowAndThen)
	return t
}

// get returns a live token for the tenant of a host. If one is in hand, it returns at once,
// and starts a lookup in the background when one is due. Otherwise it waits for a mint. ctx
// limits the wait, not the mint. With an error it returns the tenant if MySQL has said which
// it is.
func (t *tokens) get(ctx context.Context, host string) (*held, error) {
	if e := t.entry(host); e != nil {
		now := t.now()
		if h := e.held.Load(); t.lives(h.token, now) {
			t.lookBeside(host, e, now)
			return h, nil
		}
	}
	h, err := t.fetch(ctx, host)
	if err == nil && h.token.dead.Load() { // the flight began before that was known
		h, err = t.fetch(ctx, host)
	}
	return h, err
}

// fetch waits for a flight that gets a live token for the host.
func (t *tokens) fetch(ctx context.Context, host string) (*held, error) {
	type result struct {
		held *held
		err  error
	}
	done := make(chan result, 1)
	t.work.Go(func() {
		h, err, _ := t.flights.Do(host, func() (any, error) {
			if h := t.inMemory(host); h != nil && t.lives(h.token, t.now()) {
				return h, nil // from a flight that ended just before this one
			}
			return t.renew(host)
		})
		got, _ := h.(*held)
		done <- result{got, err}
	})
	select {
	case r := <-done:
		return r.held, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// lookBeside looks a tenant up in the background when that is due, and mints if needed.
// The request that moves the due time starts it, so there is one lookup at a time.
func (t *tokens) lookBeside(host string, e *entry, now time.Time) {
	due := e.next.Load()
	if now.UnixNano() < due || !e.next.CompareAndSwap(due, now.Add(lookAgain).UnixNano()) {
		return
	}
	t.work.Go(func() {
		_, _, _ = t.flights.Do(host, func() (any, error) { return t.renew(host) })
	})
}

// lives tells whether a token may be used.
func (t *tokens) lives(k *token, now time.Time) bool {
	return !k.dead.Load() && now.Sub(k.minted) < t.ttl-min(lastMinutes, t.ttl/4)
}

// fresh tells whether a token need not be replaced yet.
func (t *tokens) fresh(k *token, now time.Time) bool {
	return !k.dead.Load() && now.Sub(k.minted) < t.use()
}

func (t *tokens) use() time.Duration { return min(useFor, t.ttl/2) }

func (t *tokens) entry(host string) *entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byHost[host]
}

func (t *tokens) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byHost)
}

// close ends the flights, waits for them, and forgets all tokens.
func (t *tokens) close() {
	t.stop()
	t.work.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.byHost)
}
