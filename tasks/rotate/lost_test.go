package rotate_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// refuseDead reports each token that Zync is given and Porta does not accept.
func (w *world) refuseDead() {
	w.zync.OnStore(func(tenant int64, digest string, _ bool) {
		if token, found := w.porta.Token(digest); !found || !token.Lives(time.Now()) {
			w.t.Errorf("tenant %d: Zync was given a token that Porta does not accept", tenant)
		}
	})
}

// TestFailoverWhileTokensAreInHand: Zync is away, MySQL fails over to a replica that
// lags, Zync comes back.
func TestFailoverWhileTokensAreInHand(t *testing.T) {
	for seconds := range 4 {
		atTheWindow(t, 2000, func(t *testing.T, w *world) {
			t.Helper()
			w.refuseDead()
			time.AfterFunc(3*time.Second, func() { w.zync.Set(sim.Weather{Down: errors.New("connection refused")}) })
			lost := 0
			time.AfterFunc(20*time.Second, func() { lost = w.porta.Failover(18500*time.Millisecond + time.Duration(seconds)*time.Second) })
			time.AfterFunc(40*time.Second, func() { w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond}) })
			r, err := w.run(nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"tenants": 2000, "delivered": 2000})
			w.allServed()
			if lost == 0 {
				t.Error("nothing was lost: the test shows nothing")
			}
		})
	}
}

// TestFailoverInARun loses tokens that were delivered a moment ago. Some pushes are under
// way when the loss is noticed.
func TestFailoverInARun(t *testing.T) {
	for i := range 10 {
		atTheWindow(t, 2000, func(t *testing.T, w *world) {
			t.Helper()
			w.zync.Set(sim.Weather{Latency: 20 * time.Millisecond})
			lost := 0
			time.AfterFunc(4*time.Second+time.Duration(3*i)*time.Millisecond, func() { lost = w.porta.Failover(2 * time.Second) })
			r, err := w.run(nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"tenants": 2000, "delivered": 2000})
			w.allServed()
			if lost < 100 || !strings.Contains(w.log.String(), "MySQL has lost tokens that were delivered") {
				t.Errorf("%d tokens were lost, and the log does not say so", lost)
			}
		})
	}
}

// lost asks which tokens are lost, and mends.
func (w *world) lost(r *rotate.Rotation) []int64 {
	w.t.Helper()
	ids, err := r.Lost(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// TestLostTokensAreNoticed: MySQL failed over after the run, one was deleted by hand,
// or it happened while no scheduler was there.
func TestLostTokensAreNoticed(t *testing.T) {
	atTheWindow(t, 1500, func(t *testing.T, w *world) {
		t.Helper()
		rotation := rotate.New(w.o)
		if _, err := w.runBy(rotation, nil); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if ids := w.lost(rotation); len(ids) > 0 {
				t.Fatalf("%d tokens are lost while all is well", len(ids))
			}
			time.Sleep(time.Minute)
		}
		// The last minutes before a failover.
		hour()
		if _, err := w.runBy(rotation, nil); err != nil {
			t.Fatal(err)
		}
		gone := w.porta.Failover(3 * time.Second)
		ids := w.lost(rotation)
		if gone < 100 || len(ids) != gone {
			t.Fatalf("%d tokens are lost, %d were noticed", gone, len(ids))
		}
		run := tasks.Run{
			Window:   tasks.Window{Start: time.Now().Truncate(time.Hour), End: time.Now().Truncate(time.Hour).Add(time.Hour)},
			Progress: func(tasks.Progress) {}, Log: slog.New(slog.DiscardHandler),
		}
		r, err := rotation.Mend(ids).Run(t.Context(), run)
		if err != nil || !r.Chosen {
			t.Fatalf("%+v, %v", r, err)
		}
		w.expect(r, map[string]int{"tenants": gone, "delivered": gone, "minted": gone})
		w.allServed()
		if ids := w.lost(rotation); len(ids) > 0 {
			t.Errorf("%d tokens are lost after they were mended", len(ids))
		}
		// While no scheduler is there: a new process compares once.
		w.porta.ReplaceOwner(77)
		if ids := w.lost(rotate.New(w.o)); fmt.Sprint(ids) != "[77]" {
			t.Errorf("after an owner was replaced, %v are lost", ids)
		}
	})
}

// TestLostTokensAreMendedThoughZyncFails: the new tokens are in MySQL and not at Zync.
func TestLostTokensAreMendedThoughZyncFails(t *testing.T) {
	atTheWindow(t, 50, func(t *testing.T, w *world) {
		t.Helper()
		rotation := rotate.New(w.o)
		if _, err := w.runBy(rotation, nil); err != nil {
			t.Fatal(err)
		}
		w.lost(rotation)
		gone := w.porta.Failover(time.Hour)
		w.zync.Answer(func(tenant int64) int {
			if tenant <= 7 {
				return 500
			}
			return 0
		})
		window := time.Now().Truncate(time.Hour)
		mend := func(ids []int64) {
			t.Helper()
			_, err := rotation.Mend(ids).Run(t.Context(), tasks.Run{
				Window: tasks.Window{Start: window, End: window.Add(time.Hour)}, Progress: func(tasks.Progress) {},
				Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			rotation.Unmended(ids)
		}
		ids := w.lost(rotation)
		if gone != 50 || len(ids) != 50 {
			t.Fatalf("%d tokens are gone, %d tenants found", gone, len(ids))
		}
		mend(ids)
		for range 2 {
			time.Sleep(time.Minute)
			if ids = w.lost(rotation); fmt.Sprint(ids) != "[1 2 3 4 5 6 7]" {
				t.Fatalf("not mended are %v", ids)
			}
			rotation.Unmended(ids)
		}
		w.zync.Answer(nil)
		mend(w.lost(rotation))
		w.allServed()
		if ids = w.lost(rotation); len(ids) > 0 {
			t.Errorf("%v are named though they were served", ids)
		}
	})
}
