package rotate_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// hour waits for a window's start.
func hour() { time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))) }

// atTheWindow runs a test in virtual time, from a window's start.
func atTheWindow(t *testing.T, tenants int, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t, tenants)
		w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
		hour()
		test(t, w)
	})
}

// TestARunEndsThoughOneTenantFails: it has its tries, and the run ends without an
// error. Later runs push the token in hand, and mint no other.
func TestARunEndsThoughOneTenantFails(t *testing.T) {
	for name, status := range map[string]int{"500": 500, "hanging": sim.Hang, "stored, and 500": sim.Stored + 500} {
		t.Run(name, func(t *testing.T) {
			atTheWindow(t, 200, func(t *testing.T, w *world) {
				t.Helper()
				w.zync.Answer(func(tenant int64) int {
					if tenant == 50 {
						return status
					}
					return 0
				})
				rotation := rotate.New(w.o)
				for i := range 5 {
					began := time.Now()
					r, err := w.runBy(rotation, nil)
					if took := time.Since(began); err != nil || !r.Complete || took > 50*time.Second {
						t.Errorf("run %d: error %v, complete %t, after %s", i, err, r.Complete, took)
					}
					w.expect(r, map[string]int{"tenants": 200, "failed": 1})
					if i > 0 {
						w.expect(r, map[string]int{"already": 199, "minted": 0})
					}
					if len(r.Failures) != 1 || r.Failures[0].TenantID != 50 {
						t.Errorf("failures %+v", r.Failures)
					}
					time.Sleep(5 * time.Minute)
				}
				w.zync.Answer(nil)
				r, err := w.runBy(rotation, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.expect(r, map[string]int{"delivered": 1, "failed": 0, "minted": 0})
				w.allServed()
			})
		})
	}
}

// TestOldTokensAreNotUsedUp: a token that has lived for a quarter of its life is not
// pushed any more.
func TestOldTokensAreNotUsedUp(t *testing.T) {
	atTheWindow(t, 10, func(t *testing.T, w *world) {
		t.Helper()
		w.zync.Answer(fails(500, 5))
		rotation := rotate.New(w.o)
		minted := 0
		for range 24 {
			r, err := w.runBy(rotation, nil)
			if err != nil {
				t.Fatal(err)
			}
			minted += count(r, "minted") - count(r, "delivered")
			hour()
		}
		if minted != 4 {
			t.Errorf("%d tokens were minted in a day for the tenant that fails, want one in six hours", minted)
		}
		w.zync.Answer(nil)
		if _, err := w.runBy(rotation, nil); err != nil {
			t.Fatal(err)
		}
		token, _ := w.porta.Token(w.zync.Holds(5))
		if left := time.Until(token.Expires); left < 18*time.Hour {
			t.Errorf("Zync was given a token that lives for %s", left)
		}
	})
}

// TestSixTokensAWindow: a tenant whose data Zync refuses has a new token each run,
// and six in a window.
func TestSixTokensAWindow(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		pushes := 0
		w.zync.Answer(func(tenant int64) int {
			if tenant == 7 {
				pushes++
				return 422
			}
			return 0
		})
		rotation := rotate.New(w.o)
		for window := range 3 {
			minted := 0
			for range 12 {
				r, err := w.runBy(rotation, nil)
				if err != nil || !strings.Contains(r.Failures[0].Error, "422") {
					t.Fatalf("%v, %+v", err, r.Failures)
				}
				minted += count(r, "minted") - count(r, "delivered")
				time.Sleep(time.Minute)
			}
			if minted != 6 {
				t.Errorf("window %d: %d tokens were minted, want 6", window, minted)
			}
			hour()
		}
		if n := w.porta.Tokens(); n != 3*19 {
			t.Errorf("%d tokens are there: the refused ones were to be deleted", n)
		}
	})
}

// TestWhoFailedBeforeSaysNothingOfZync: forty tenants fail alone for hours. After the
// first run nobody takes that for trouble of Zync's.
func TestWhoFailedBeforeSaysNothingOfZync(t *testing.T) {
	atTheWindow(t, 300, func(t *testing.T, w *world) {
		t.Helper()
		w.zync.Answer(func(tenant int64) int {
			if tenant > 20 && tenant <= 60 {
				return []int{500, sim.Hang}[tenant%2]
			}
			return 0
		})
		rotation := rotate.New(w.o)
		var busy time.Duration
		for range 4 {
			began := time.Now()
			for _, after := range []time.Duration{0, 1, 2, 4, 8, 16} {
				time.Sleep(after * time.Minute)
				from := time.Now()
				r, err := w.runBy(rotation, nil)
				if err != nil {
					t.Fatal(err)
				}
				w.expect(r, map[string]int{"failed": 40})
				busy += time.Since(from)
			}
			if time.Since(began) > 40*time.Minute {
				t.Errorf("six runs took %s", time.Since(began))
			}
			hour()
		}
		if share := busy.Hours() / 4; share > 0.1 {
			t.Errorf("the lease was held for %.2f of the time", share)
		}
		if n := strings.Count(w.log.String(), "zync is in trouble"); n > 1 {
			t.Errorf("the log said %d times that Zync is in trouble", n)
		}
	})
}

// TestGivesWay: a run by hand wants the task. The daemon's run ends in seconds,
// though a push hangs, and the next one goes on with what is in hand.
func TestGivesWay(t *testing.T) {
	atTheWindow(t, 3000, func(t *testing.T, w *world) {
		t.Helper()
		w.zync.Answer(func(tenant int64) int {
			if tenant%300 == 7 {
				return sim.Hang
			}
			return 0
		})
		rotation := rotate.New(w.o)
		yield := make(chan struct{})
		var asked time.Time
		time.AfterFunc(4*time.Second, func() { asked = time.Now(); close(yield) })
		start := time.Now().Truncate(time.Hour)
		r, err := rotation.Run(t.Context(), tasks.Run{
			Window: tasks.Window{Start: start, End: start.Add(time.Hour)}, Progress: func(tasks.Progress) {}, Yield: yield,
			Log: slog.New(slog.DiscardHandler),
		})
		if took := time.Since(asked); took > 5*time.Second || !errors.Is(err, tasks.ErrInterrupted) || r.Complete {
			t.Errorf("gave way after %s with %v", took, err)
		}
		before, minted := count(r, "delivered"), count(r, "minted")
		w.zync.Answer(nil)
		if r, err = w.runBy(rotation, nil); err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"already": before, "delivered": 3000 - before, "failed": 0})
		if minted += count(r, "minted"); minted != 3000 {
			t.Errorf("%d tokens were minted for 3000 tenants", minted)
		}
		w.allServed()
	})
}

// TestATokenLeftInHandIsNotPushedOverANewerOne: while the daemon's run gave way, the
// one by hand served the tenant.
func TestATokenLeftInHandIsNotPushedOverANewerOne(t *testing.T) {
	atTheWindow(t, 30, func(t *testing.T, w *world) {
		t.Helper()
		w.zync.Answer(fails(503, 9))
		daemon := rotate.New(w.o)
		if _, err := w.runBy(daemon, nil); err != nil {
			t.Fatal(err)
		}
		w.zync.Answer(nil)
		time.Sleep(5 * time.Minute)
		w.o.RetryFor, w.o.Revoke, w.o.Force = time.Minute, true, true
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		held := w.zync.Holds(9)
		hour()
		if _, err := w.runBy(daemon, nil); err != nil {
			t.Fatal(err)
		}
		w.allServed()
		if w.zync.Holds(9) == held {
			t.Error("the tenant was not served in the next window")
		}
	})
}

// TestARowThatMySQLRefusesFailsItsTenant and no other.
func TestARowThatMySQLRefusesFailsItsTenant(t *testing.T) {
	atTheWindow(t, 100, func(t *testing.T, w *world) {
		t.Helper()
		w.porta.Refuse(func(tenant int64) string {
			if tenant == 1 || tenant == 42 {
				return "Error 1644 (45000): no"
			}
			return ""
		})
		r, err := w.run(nil)
		if err != nil || !r.Complete {
			t.Fatalf("error %v, complete %t", err, r.Complete)
		}
		w.expect(r, map[string]int{"tenants": 100, "delivered": 98, "failed": 2, "minted": 98})
		if len(r.Failures) != 2 || !strings.Contains(r.Failures[0].Error, "1644") {
			t.Errorf("failures %+v", r.Failures)
		}
	})
}

// TestYoungTokensAreSparedByARevocation: a push of one may still be under way. They
// are revoked by the same run, after the new token was pushed once more.
func TestYoungTokensAreSparedByARevocation(t *testing.T) {
	atTheWindow(t, 50, func(t *testing.T, w *world) {
		t.Helper()
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		old := w.zync.Holds(7)
		// A push of the old token arrives late, after the new one.
		late := time.AfterFunc(15*time.Second, func() { w.zync.Take(7, old) })
		defer late.Stop()
		w.o.RetryFor, w.o.Revoke, w.o.Force = 10*time.Minute, true, true
		began := time.Now()
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 30*time.Second || took > time.Minute {
			t.Errorf("took %s", took)
		}
		w.expect(r, map[string]int{"delivered": 50, "failed": 0, "minted": 50})
		w.allServed()
		if token, found := w.porta.Token(old); found && token.Lives(time.Now()) {
			t.Error("the old token still lives")
		}
	})
}

// TestALatePushIsSparedByARevocation: another process gave up the push of a token that had
// waited in its memory, and Zync stores it after the new one.
func TestALatePushIsSparedByARevocation(t *testing.T) {
	atTheWindow(t, 50, func(t *testing.T, w *world) {
		t.Helper()
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		old := w.zync.Holds(7)
		time.Sleep(10 * time.Minute)
		gaveUp := w.o.Now()
		w.o.FailedAt = func(_ context.Context, ids []int64) ([]time.Time, error) {
			times := make([]time.Time, len(ids))
			for i, id := range ids {
				if id == 7 {
					times[i] = gaveUp
				}
			}
			return times, nil
		}
		late := time.AfterFunc(15*time.Second, func() { w.zync.Take(7, old) })
		defer late.Stop()
		w.o.RetryFor, w.o.Revoke, w.o.Force = 10*time.Minute, true, true
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		w.expect(r, map[string]int{"delivered": 50, "failed": 0, "minted": 50})
		w.allServed()
		if token, found := w.porta.Token(old); found && token.Lives(time.Now()) {
			t.Error("the old token still lives")
		}
	})
}

// TestTheCauseReachesTheReport: the last line says why nothing was done.
func TestTheCauseReachesTheReport(t *testing.T) {
	atTheWindow(t, 400, func(t *testing.T, w *world) {
		t.Helper()
		w.o.RetryFor = 20 * time.Second
		open := w.o.OpenWriter
		w.o.OpenWriter = func(ctx context.Context) (rotate.Writer, error) {
			if time.Since(time.Now().Truncate(time.Hour)) < time.Hour {
				return nil, errors.New("Error 1226: User has exceeded the 'max_user_connections' resource")
			}
			return open(ctx)
		}
		r, err := w.run(nil)
		if err == nil || !strings.Contains(err.Error(), "1226") || !strings.Contains(err.Error(), "400 tenants were not reached") {
			t.Errorf("error %v", err)
		}
		if log := w.log.String(); strings.Contains(log, "tenants at risk") && strings.Contains(log, "tenant_ids=[]") {
			t.Errorf("the log names no tenant at risk:\n%s", log)
		}
		if len(r.Failures) != 0 || count(r, "failed") != 400 {
			t.Errorf("%d failures are listed one by one, %d failed", len(r.Failures), count(r, "failed"))
		}
	})
}
