package rotate_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/zync"
)

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
		}, "no live gateway has carried a request"},
		"a gateway that Zync asks no more": {func(g *gate) {
			g.set(func(g *gate) { g.request = time.Now().Add(-25 * time.Hour) })
			time.Sleep(11 * time.Second)
		}, "no live gateway has carried a request"},
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
