package rotate_test

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks/rotate"
)

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
		time.Sleep(time.Minute)
		if why, err := rotation.Stranded(t.Context()); err != nil || why != "" {
			t.Errorf("stranded %q, %v: they have tokens, and it is too early for the second ones", why, err)
		}
		w.expect(w.rotate(rotation), map[string]int{"delivered": 0, "already": 20})
		time.Sleep(time.Minute)
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
		w.zync.Answer(fails(422, 4))
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
		w.zync.Answer(fails(422, 4))
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
