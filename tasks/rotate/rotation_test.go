package rotate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

func TestTheFirstTenantHoldsUpNoOther(t *testing.T) {
	for _, status := range []int{500, 503} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 200)
			w.zync.Answer(func(tenant int64) int {
				if tenant <= 4 {
					return status
				}
				return 0
			})
			w.o.RetryFor = 5 * time.Minute
			r, err := w.run(nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"delivered": 196, "failed": 4})
		})
	}
}

func TestMintingNeverRunsFarAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3000)
		w.zync.Set(sim.Weather{Latency: 40 * time.Millisecond}) // 150 a second by three workers
		most := 0
		done, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for {
				select {
				case <-done:
					return
				case <-time.After(10 * time.Millisecond):
					most = max(most, w.porta.Tokens()-w.zync.Pushes())
				}
			}
		}()
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		close(done)
		<-watched
		if most > 250 {
			t.Errorf("%d tokens were minted ahead of the pushes, want about a second's, 150", most)
		}
	})
}

func TestLostWriterIsTakenAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2000)
		w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
		time.AfterFunc(2*time.Second, func() {
			w.porta.Restart()
			w.porta.Set(sim.Weather{Down: errors.New("connection refused")})
		})
		time.AfterFunc(3*time.Minute, func() { w.porta.Set(sim.Weather{}) })
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 2000, "failed": 0})
		w.allServed()
		if said := strings.Count(w.log.String(), "nothing can be minted; trying again"); said < 2 || said > 5 {
			t.Errorf("the log said %d times that nothing can be minted, want once a minute", said)
		}
	})
}

// TestTheOtherWriterHasTheLastWord: Redis let two runs begin, MySQL lets one write.
func TestTheOtherWriterHasTheLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20)
		other, err := w.porta.OpenWriter(t.Context(), "rotate", 15*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.run(nil); !errors.Is(err, tasks.ErrBusy) {
			t.Errorf("error %v, want ErrBusy", err)
		}
		if n := w.porta.Tokens(); n != 0 {
			t.Errorf("%d tokens were written past the fence", n)
		}
		_ = other.Close()
	})
}

func TestRefusedTokenIsDeletedUnlessItMayHaveArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		tries := map[int64]int{}
		w.zync.Answer(func(tenant int64) int {
			tries[tenant]++
			switch {
			case tenant == 2:
				return 422
			case tenant == 3 && tries[tenant] == 1:
				return 500 // it may have been stored
			case tenant == 3:
				return 422
			}
			return 0
		})
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 1, "failed": 2, "minted": 3})
		if n := w.porta.Tokens(); n != 2 {
			t.Errorf("%d tokens are left, want the delivered one and the one that may have arrived", n)
		}
	})
}

// TestReasonsAreClean: what a server says of a tenant is made printable before it is kept:
// in the ledger, in the report, in the log.
func TestReasonsAreClean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		w.o.Clean = func(text string) string { return strings.ReplaceAll(text, "422", "[redacted]") }
		w.zync.Answer(func(int64) int { return 422 })
		r, _ := w.run(nil)
		if len(r.Failures) == 0 {
			t.Fatal("nobody failed")
		}
		for _, f := range r.Failures {
			if !strings.Contains(f.Error, "[redacted]") {
				t.Errorf("failure %+v", f)
			}
		}
		if strings.Contains(w.log.String(), "422") {
			t.Errorf("log:\n%s", w.log)
		}
	})
}

func TestDrainPushesWhatIsInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5000)
		w.zync.Set(sim.Weather{Latency: 20 * time.Millisecond})
		drain := make(chan struct{})
		time.AfterFunc(5*time.Second, func() { close(drain) })
		began := time.Now()
		r, err := w.run(drain)
		if err == nil {
			t.Error("a run that was cut short reports no error")
		}
		if took := time.Since(began); took > 8*time.Second {
			t.Errorf("took %s to end", took-5*time.Second)
		}
		if minted, delivered := count(r, "minted"), count(r, "delivered"); minted != delivered || minted == 5000 {
			t.Errorf("%d minted, %d delivered", minted, delivered)
		}
	})
}

func TestFutureDeliveriesDoNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5)
		// A scheduler whose clock was two days ahead was here.
		err := sim.NewLedger(w.redis).Record(t.Context(), map[int64]ledger.Delivery{1: {At: time.Now().Add(48 * time.Hour)}}, nil, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 5, "already": 0})
	})
}

func TestPanicInAPushIsOneTenantsFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20)
		w.o.RetryFor = time.Minute
		w.o.Zync = panicking{w.o.Zync}
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 19, "failed": 1})
	})
}

type panicking struct{ rotate.Zync }

func (p panicking) Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer {
	if tenant.ID == 7 {
		panic("seven")
	}
	return p.Zync.Push(ctx, tenant, token)
}

// TestTokenDeletedInHandIsNotPushed: its admin was deleted while Zync was away.
func TestTokenDeletedInHandIsNotPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 50)
		w.o.RetryFor = 15 * time.Minute
		began := time.Now()
		w.zync.Answer(func(tenant int64) int {
			if tenant == 7 && time.Since(began) < 10*time.Minute {
				return 500
			}
			return 0
		})
		time.AfterFunc(5*time.Minute, func() { w.porta.ReplaceOwner(7) })
		r, err := w.run(nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(r, map[string]int{"delivered": 50, "failed": 0, "minted": 51})
		w.allServed()
	})
}

func TestProgressEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3000)
		w.zync.Set(sim.Weather{Latency: 40 * time.Millisecond})
		w.o.Zync = steady{w.o.Zync}
		began := time.Now()
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		want := int(time.Since(began) / (10 * time.Second))
		if lines := strings.Count(w.log.String(), `msg="rotation in progress"`); lines < want-1 || lines > want || want < 2 {
			t.Errorf("%d lines in %s", lines, time.Since(began))
		}
		for _, key := range []string{"done=", "of=3000", "rate=", "eta="} {
			if !strings.Contains(w.log.String(), key) {
				t.Errorf("the line lacks %s", key)
			}
		}
	})
}

// steady takes 40 ms for each push.
type steady struct{ rotate.Zync }

func (s steady) Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer {
	time.Sleep(40 * time.Millisecond)
	return s.Zync.Push(ctx, tenant, token)
}

// TestOvertakenMidway: the writer is lost, and another scheduler takes the lock. The run
// is recorded as what it was, and not as one that did nothing.
func TestOvertakenMidway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2000)
		w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
		time.AfterFunc(2*time.Second, func() {
			w.porta.Restart()
			if _, err := w.porta.OpenWriter(context.Background(), "rotate", time.Hour); err != nil {
				t.Error(err)
			}
		})
		r, err := w.run(nil)
		if err == nil || !r.Changed || count(r, "delivered") == 0 || count(r, "tenants") != 2000 || !strings.Contains(err.Error(), "tenants were not reached") {
			t.Errorf("changed %t, counts %v, error %v", r.Changed, r.Counts, err)
		}
	})
}
