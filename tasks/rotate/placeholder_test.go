package rotate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

// gate is a gateway as Redis knows it.
type gate struct {
	*sim.Ledger

	mu      sync.Mutex
	alive   bool
	request time.Time
	err     error // of a Redis that does not answer for it
}

// set changes the gateway.
func (g *gate) set(change func(g *gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// dies ends it without a word.
func (g *gate) dies() { g.set(func(g *gate) { g.alive = false }) }

// fails has Redis say nothing of it.
func (g *gate) fails() { g.set(func(g *gate) { g.err = errors.New("away") }) }

// speak says that it serves.
func (g *gate) speak() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alive {
		_ = g.RecordGateway(context.Background(), ledger.Gateway{By: "a:1", LastRequest: g.request}, time.Now())
	}
}

// withPlaceholders has a world's rotation push placeholders, and returns a gateway that
// carries. It speaks every ten seconds, as a daemon does.
func (w *world) withPlaceholders() *gate {
	g := &gate{Ledger: sim.NewLedger(w.redis), alive: true, request: time.Now()}
	w.o.Placeholder, w.o.Placeholders = true, g
	w.o.Gateways = func(ctx context.Context) ([]ledger.Gateway, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.err != nil {
			return nil, g.err
		}
		return g.Gateways(ctx)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(ledger.GatewayEvery)
		defer tick.Stop()
		for {
			g.speak()
			select {
			case <-tick.C:
			case <-w.t.Context().Done():
				return
			}
		}
	}()
	w.t.Cleanup(func() { <-ended })
	synctest.Wait()
	return g
}

// stops is a gateway that ends cleanly.
func (g *gate) stops() {
	g.dies()
	_ = g.RemoveGateway(context.Background(), "a:1")
}

// withPlaceholder is for how many tenants Zync holds a placeholder.
func (w *world) withPlaceholder() (n int) {
	for _, id := range w.porta.Tenants() {
		if w.zync.Holds(id) == porta.Digest(rotate.Placeholder) {
			n++
		}
	}
	return n
}

func (w *world) marked() int {
	w.t.Helper()
	n, err := w.o.Placeholders.CountPlaceholders(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// rotate runs a rotation that is expected to work.
func (w *world) rotate(r *rotate.Rotation) tasks.Result {
	w.t.Helper()
	result, err := w.runBy(r, nil)
	if err != nil || !result.Complete {
		w.t.Fatalf("error %v, complete %t", err, result.Complete)
	}
	return result
}

func TestPlaceholders(t *testing.T) {
	atTheWindow(t, 50, func(t *testing.T, w *world) {
		t.Helper()
		g := w.withPlaceholders()
		w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error {
			t.Error("a placeholder was tried on Porta")
			return nil
		}
		dry := w.o
		dry.DryRun = true
		w.expect(w.rotateDry(dry), map[string]int{"tenants": 50, "delivered": 50, "minted": 0, "placeholders": 50})
		rotation := rotate.New(w.o)
		w.expect(w.rotate(rotation), map[string]int{"tenants": 50, "delivered": 50, "minted": 0, "placeholders": 50})
		if w.withPlaceholder() != 50 || w.porta.Tokens() != 0 || w.marked() != 50 {
			t.Errorf("placeholders at Zync %d, known %d, tokens %d; want 50, 50, 0", w.withPlaceholder(), w.marked(), w.porta.Tokens())
		}
		w.expect(w.rotate(rotation), map[string]int{"already": 50, "delivered": 0})
		hour()
		w.expect(w.rotate(rotation), map[string]int{"already": 0, "delivered": 50})
		for range 30 * 60 { // more than a token's life
			time.Sleep(time.Minute)
			if time.Now().Minute() == 0 {
				g.set(func(g *gate) { g.request = time.Now() })
				w.rotate(rotation)
			}
			lost, err := rotation.Lost(t.Context())
			if err != nil || len(lost) > 0 {
				t.Fatalf("lost %v, error %v: a placeholder was taken for a lost token", lost, err)
			}
		}
	})
}

// rotateDry is a dry run.
func (w *world) rotateDry(o rotate.Options) tasks.Result {
	w.t.Helper()
	result, err := w.runBy(rotate.New(o), nil)
	if err != nil || w.zync.Pushes() > 0 {
		w.t.Fatalf("a dry run: error %v, %d pushes", err, w.zync.Pushes())
	}
	return result
}

// TestPlaceholdersAreWithheld: without a gateway that carries, live tokens are pushed.
func TestPlaceholdersAreWithheld(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(g *gate)
		why     string
	}{
		"no gateway": {(*gate).stops, "no gateway is alive"},
		"a gateway that died": {func(g *gate) {
			g.dies()
			time.Sleep(time.Minute)
		}, "no gateway is alive"},
		"a gateway that Zync has not asked": {func(g *gate) {
			g.set(func(g *gate) { g.request = time.Time{} })
			time.Sleep(11 * time.Second)
		}, "no gateway that is alive has carried a request"},
		"a gateway that Zync asks no more": {func(g *gate) {
			g.set(func(g *gate) { g.request = time.Now().Add(-25 * time.Hour) })
			time.Sleep(11 * time.Second)
		}, "no gateway that is alive has carried a request"},
		"Redis does not know": {(*gate).fails, "Redis does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			atTheWindow(t, 20, func(t *testing.T, w *world) {
				t.Helper()
				c.happens(w.withPlaceholders())
				w.expect(w.rotate(rotate.New(w.o)), map[string]int{"delivered": 20, "minted": 20})
				w.allServed()
				if !strings.Contains(w.log.String(), c.why) {
					t.Errorf("the log does not say %q:\n%s", c.why, w.log)
				}
			})
		})
	}
}

// TestTheGatewayEndsInMidRun: the others are given live tokens, and so are those who were
// given a placeholder in this run.
func TestTheGatewayEndsInMidRun(t *testing.T) {
	for name, happens := range map[string]func(g *gate){
		"it stops": (*gate).stops, "it dies": (*gate).dies,
		"Redis goes away for it": (*gate).fails,
	} {
		for _, force := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				atTheWindow(t, 600, func(t *testing.T, w *world) {
					t.Helper()
					g := w.withPlaceholders()
					w.o.Rate, w.o.Force = 5, force // two minutes
					placed := 0
					time.AfterFunc(20*time.Second, func() { happens(g) })
					time.AfterFunc(25*time.Second, func() { placed = w.withPlaceholder() })
					w.expect(w.rotate(rotate.New(w.o)), map[string]int{"delivered": 600, "minted": 600, "already": 0, "tenants": 600})
					w.allServed()
					if placed < 50 {
						t.Errorf("%d tenants had a placeholder, want some", placed)
					}
					if w.porta.Tokens() != 600 {
						t.Errorf("%d tokens for 600 tenants", w.porta.Tokens())
					}
				})
			})
		}
	}
}

// TestRedisMissesAnAnswer: a run goes on with placeholders.
func TestRedisMissesAnAnswer(t *testing.T) {
	atTheWindow(t, 200, func(t *testing.T, w *world) {
		t.Helper()
		g := w.withPlaceholders()
		w.o.Rate = 5
		time.AfterFunc(10*time.Second, g.fails)
		time.AfterFunc(15*time.Second, func() { g.set(func(g *gate) { g.err = nil }) })
		w.expect(w.rotate(rotate.New(w.o)), map[string]int{"delivered": 200, "minted": 0})
	})
}

// TestBackToTokens: everyone is due at once, though they were served in this window.
func TestBackToTokens(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		w.withPlaceholders()
		w.rotate(rotate.New(w.o))
		w.o.Placeholder = false
		rotation := rotate.New(w.o)
		w.expect(w.rotate(rotation), map[string]int{"delivered": 20, "minted": 20, "already": 0})
		w.allServed()
		if w.marked() != 20 {
			t.Errorf("%d tenants may hold a placeholder that arrives late, want 20", w.marked())
		}
		time.Sleep(2 * time.Minute)
		if why, err := rotation.Stranded(t.Context()); err != nil || why == "" {
			t.Errorf("stranded %q, %v: they are to be served once more", why, err)
		}
		w.expect(w.rotate(rotation), map[string]int{"delivered": 20, "already": 0})
		w.expect(w.rotate(rotation), map[string]int{"delivered": 0, "already": 20})
		if why, err := rotation.Stranded(t.Context()); err != nil || why != "" || w.marked() != 0 {
			t.Errorf("stranded %q, %v, %d marked: nobody has a placeholder", why, err, w.marked())
		}
	})
}

// TestRedisForgetsAPlaceholder: one tenant fails on the way back, and Redis forgets that
// Zync holds its placeholder. The process does not.
func TestRedisForgetsAPlaceholder(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		w.withPlaceholders()
		w.rotate(rotate.New(w.o))
		time.Sleep(5 * time.Minute)
		w.zync.Answer(func(tenant int64) int {
			if tenant == 4 {
				return 422
			}
			return 0
		})
		w.o.Placeholder = false
		rotation := rotate.New(w.o)
		w.expect(w.rotate(rotation), map[string]int{"delivered": 19, "failed": 1})
		for _, flush := range []func(){func() {}, w.redis.Flush} {
			flush()
			if _, err := rotation.Stranded(t.Context()); err != nil || !rotation.MayBeOut() {
				t.Errorf("a placeholder is out, and not known to be; %v", err)
			}
		}
		w.zync.Answer(nil)
		w.rotate(rotation)
		if _, err := rotation.Stranded(t.Context()); err != nil || rotation.MayBeOut() {
			t.Errorf("everyone has a token, and placeholders may be out; %v", err)
		}
	})
}

// TestStranded: placeholders that nobody replaces any more are noticed, after a grace.
func TestStranded(t *testing.T) {
	// looks looks each minute, as the daemon does, and returns after how long tenants were
	// found to be stranded; zero if they were not.
	looks := func(t *testing.T, r *rotate.Rotation, d time.Duration) time.Duration {
		t.Helper()
		for began := time.Now(); time.Since(began) < d; time.Sleep(time.Minute) {
			if why, err := r.Stranded(t.Context()); err != nil {
				t.Fatal(err)
			} else if why != "" {
				return max(1, time.Since(began)) // found at once is found
			}
		}
		return 0
	}
	stranded := func(t *testing.T, name string, test func(t *testing.T, w *world, g *gate, r *rotate.Rotation)) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			atTheWindow(t, 10, func(t *testing.T, w *world) {
				t.Helper()
				g := w.withPlaceholders()
				rotation := rotate.New(w.o)
				w.rotate(rotation)
				time.Sleep(5 * time.Minute)
				if after := looks(t, rotation, 5*time.Minute); after != 0 {
					t.Fatalf("stranded after %s while a gateway carries", after)
				}
				test(t, w, g, rotation)
			})
		})
	}
	recall := func(t *testing.T, w *world, r *rotate.Rotation, want map[string]int) {
		t.Helper()
		start := time.Now().Truncate(time.Hour)
		task := r.Recall()
		result, err := task.Run(t.Context(), w.newRun(start))
		if err != nil {
			t.Fatal(err)
		}
		w.expect(result, want)
	}
	stranded(t, "the gateway dies", func(t *testing.T, w *world, g *gate, r *rotate.Rotation) {
		t.Helper()
		g.dies()
		if after := looks(t, r, time.Hour); after < 2*time.Minute || after > 4*time.Minute {
			t.Errorf("noticed after %s, want the grace and little more", after)
		}
		recall(t, w, r, map[string]int{"delivered": 10, "minted": 10})
		w.allServed()
		if after := looks(t, r, time.Hour); after != 0 || w.marked() != 0 {
			t.Errorf("stranded again after %s, though all have tokens", after)
		}
	})
	stranded(t, "the gateway is restarted", func(t *testing.T, _ *world, g *gate, r *rotate.Rotation) {
		t.Helper()
		for range 3 {
			g.stops()
			time.AfterFunc(90*time.Second, func() { g.set(func(g *gate) { g.alive = true }) })
			if after := looks(t, r, 5*time.Minute); after != 0 {
				t.Errorf("stranded after %s, though the gateway came back", after)
			}
		}
	})
	stranded(t, "Zync asks no more", func(t *testing.T, w *world, g *gate, r *rotate.Rotation) {
		t.Helper()
		g.set(func(g *gate) { g.request = time.Now().Add(-24 * time.Hour) })
		if after := looks(t, r, 30*time.Minute); after != 0 {
			t.Errorf("stranded after %s: this is the next window's", after)
		}
		hour()
		w.expect(w.rotate(r), map[string]int{"delivered": 10, "minted": 10})
		w.allServed()
	})
	stranded(t, "Redis has forgotten everything", func(t *testing.T, w *world, g *gate, r *rotate.Rotation) {
		t.Helper()
		g.stops()
		w.redis.Flush()
		if after := looks(t, r, time.Hour); after < 2*time.Minute || after > 4*time.Minute {
			t.Errorf("noticed after %s, want the grace and little more", after)
		}
		recall(t, w, r, map[string]int{"delivered": 10, "minted": 10})
		w.allServed()
	})
	stranded(t, "a tenant is deleted, and one fails", func(t *testing.T, w *world, g *gate, r *rotate.Rotation) {
		t.Helper()
		g.stops()
		w.porta.DropTenant(3)
		w.zync.Answer(func(tenant int64) int {
			if tenant == 4 {
				return 422
			}
			return 0
		})
		looks(t, r, time.Hour)
		recall(t, w, r, map[string]int{"delivered": 8, "failed": 1})
		if after := looks(t, r, time.Hour); after == 0 || w.marked() != 1 {
			t.Errorf("found after %s, %d marked: the one that failed is to be served again", after, w.marked())
		}
		w.zync.Answer(nil)
		recall(t, w, r, map[string]int{"tenants": 1, "delivered": 1}) // a run for it alone
		if after := looks(t, r, time.Hour); after != 0 || w.marked() != 0 {
			t.Errorf("stranded after %s, %d marked", after, w.marked())
		}
	})
}

// TestRevocationWithPlaceholders: no sync token is left, and later tokens live.
func TestRevocationWithPlaceholders(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		g := w.withPlaceholders()
		rotation := rotate.New(w.o)
		for _, id := range w.porta.Tenants() {
			w.porta.Mint(id, "porta's", 0)
		}
		revoke := w.o
		revoke.Revoke = true
		w.expect(w.rotate(rotate.New(revoke)), map[string]int{"delivered": 20, "minted": 0})
		if n := w.porta.Tokens(); n != 0 {
			t.Errorf("%d sync tokens are left", n)
		}
		g.stops()
		time.Sleep(4 * time.Minute)
		w.expect(w.rotate(rotate.New(revoke)), map[string]int{"delivered": 20, "minted": 20})
		w.allServed()
		if lost, err := rotation.Lost(t.Context()); err != nil || len(lost) != 0 {
			t.Errorf("lost %v, %v", lost, err)
		}
	})
}
