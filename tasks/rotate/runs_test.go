package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
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
		w.zync.Answer(func(tenant int64) int {
			if tenant == 5 {
				return 500
			}
			return 0
		})
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
		w.zync.Answer(func(tenant int64) int {
			if tenant == 9 {
				return 503
			}
			return 0
		})
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

// TestTheCanaryIsAnApprovedTenants: Porta refuses a valid token of any other.
func TestTheCanaryIsAnApprovedTenants(t *testing.T) {
	for name, c := range map[string]struct {
		suspended []int64
		only      []int64
		want      string // tenants that were tried
	}{
		"everyone is approved":      {nil, nil, "[1]"},
		"the first are suspended":   {[]int64{1, 2, 3, 5}, nil, "[4]"},
		"a suspended one by name":   {[]int64{7}, []int64{7}, "[]"},
		"two by name":               {[]int64{7}, []int64{7, 8}, "[8]"},
		"the bookmark is suspended": {[]int64{7}, nil, "[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			atTheWindow(t, 20, func(t *testing.T, w *world) {
				t.Helper()
				for _, id := range c.suspended {
					w.porta.SetApproved(id, false)
				}
				w.o.Only = c.only
				var tried []int64
				w.o.Verify = func(_ context.Context, tenant zync.Tenant, _ secret.Text) error {
					if tried = append(tried, tenant.ID); slices.Contains(c.suspended, tenant.ID) {
						return zync.ErrNotAccepted
					}
					if w.zync.Pushes() > 0 {
						t.Error("something was pushed before the first token was tried")
					}
					return nil
				}
				r, err := w.run(nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(tried); got != c.want {
					t.Errorf("tried %s, want %s", got, c.want)
				}
				if c.only == nil {
					w.expect(r, map[string]int{"delivered": 20, "minted": 20})
					w.allServed()
				}
			})
		})
	}
}

// TestTheCanarysTenantIsMetOnce: the first approved tenant has a token in hand since the
// run before. It is tried with a new one, and handed out once.
func TestTheCanarysTenantIsMetOnce(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error { return nil }
		w.zync.Answer(func(tenant int64) int {
			if tenant == 1 {
				return 503
			}
			return 0
		})
		daemon := rotate.New(w.o)
		if _, err := w.runBy(daemon, nil); err != nil {
			t.Fatal(err)
		}
		w.zync.Answer(nil)
		hour()
		r, err := w.runBy(daemon, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 20, "minted": 20})
		w.allServed()
	})
}

// TestPortaSeesTheTokenLate: it reads a replica that lags by seconds.
func TestPortaSeesTheTokenLate(t *testing.T) {
	atTheWindow(t, 20, func(t *testing.T, w *world) {
		t.Helper()
		began := time.Now()
		w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error {
			if time.Since(began) < 7*time.Second {
				return zync.ErrNotAccepted
			}
			return nil
		}
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 20, "minted": 20})
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

// TestNobodyIsDropped: an owner is replaced at any moment of a run, the last
// included.
func TestNobodyIsDropped(t *testing.T) {
	for ms := 0; ms < 900; ms += 10 {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 7)
			w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
			began := time.Now()
			w.zync.Answer(func(tenant int64) int {
				if tenant == 3 && time.Since(began) < 40*time.Second {
					return 500 // it is in hand for long enough to be looked for
				}
				return 0
			})
			time.AfterFunc(39*time.Second+time.Duration(ms)*2*time.Millisecond, func() { w.porta.ReplaceOwner(3) })
			w.o.RetryFor = 5 * time.Minute
			r, err := w.run(nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"tenants": 7, "delivered": 7})
		})
	}
}

// cutShort lists no more than so many tenants, as a server with sql_select_limit did.
type cutShort struct {
	rotate.Tenants
	limit int
}

func (c cutShort) Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error) {
	page, next, err := c.Tenants.Page(ctx, after, limit)
	if len(page) <= c.limit {
		return page, next, err
	}
	return page[:c.limit], db.After(page[c.limit-1]), err
}

type forgetful struct {
	rotate.Tenants
	pages *int
}

func (f forgetful) Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error) {
	if *f.pages++; *f.pages > 1 {
		return nil, after, nil
	}
	return f.Tenants.Page(ctx, after, limit)
}

// TestWhoIsLeftOutMakesARunFail: MySQL counts more tenants than the list has.
func TestWhoIsLeftOutMakesARunFail(t *testing.T) {
	atTheWindow(t, 61, func(t *testing.T, w *world) {
		t.Helper()
		w.o.Tenants = forgetful{cutShort{w.porta, 20}, new(int)}
		r, err := w.run(nil)
		if err == nil || r.Complete || !strings.Contains(err.Error(), "met 20 tenants, and MySQL counts 61") {
			t.Errorf("complete %t, error %v", r.Complete, err)
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
		if len(r.Failures) != 0 || count(r, "failed") != 400 {
			t.Errorf("%d failures are listed one by one, %d failed", len(r.Failures), count(r, "failed"))
		}
	})
}
