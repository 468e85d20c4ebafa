package rotate_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a rotation's, in memory and under virtual time.
type world struct {
	t     *testing.T
	porta *sim.Porta
	redis *sim.Redis
	zync  *sim.Zync
	o     rotate.Options
	log   *strings.Builder
}

func newWorld(t *testing.T, tenants int) *world {
	t.Helper()
	w := &world{t: t, porta: sim.NewPorta(tenants), redis: sim.NewRedis(), zync: sim.NewZync(), log: &strings.Builder{}}
	client, err := zync.NewClient(zync.Options{URL: "http://zync", Now: time.Now, Transport: w.zync})
	if err != nil {
		t.Fatal(err)
	}
	ledger := sim.NewLedger(w.redis)
	w.o = rotate.Options{
		Tenants: w.porta, Missing: w.porta.Missing, Newest: w.porta.Newest, Identity: w.porta.Identity,
		OpenWriter: func(ctx context.Context) (rotate.Writer, error) {
			writer, err := w.porta.OpenWriter(ctx, "rotate", 15*time.Second)
			if err != nil {
				return nil, err
			}
			return writer, nil
		},
		Ledger: ledger, Bookmark: ledger, Zync: client,
		Metrics: rotate.NewMetrics(prometheus.NewRegistry(), 24*time.Hour, time.Now),
		Now:     time.Now, TTL: 24 * time.Hour, Concurrency: 3,
	}
	w.zync.Set(sim.Weather{Latency: 0})
	return w
}

// run rotates in the hour's window, by a new process.
func (w *world) run(drain <-chan struct{}) (tasks.Result, error) {
	return w.runBy(rotate.New(w.o), drain)
}

// runBy rotates in the hour's window.
func (w *world) runBy(r *rotate.Rotation, drain <-chan struct{}) (tasks.Result, error) {
	run := w.newRun(time.Now().Truncate(time.Hour))
	run.Drain = drain
	return r.Run(w.t.Context(), run)
}

// newRun is a run in the hour's window from start.
func (w *world) newRun(start time.Time) tasks.Run {
	return tasks.Run{
		Window: tasks.Window{Start: start, End: start.Add(time.Hour)}, Progress: func(tasks.Progress) {},
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func count(r tasks.Result, name string) int {
	for _, c := range r.Counts {
		if c.Name == name {
			return c.N
		}
	}
	return -1
}

func (w *world) expect(r tasks.Result, want map[string]int) {
	w.t.Helper()
	for name, n := range want {
		if got := count(r, name); got != n {
			w.t.Errorf("%s is %d, want %d (%+v)", name, got, n, r.Counts)
		}
	}
}

// allServed checks that Zync holds a token that Porta accepts for every tenant.
func (w *world) allServed() {
	w.t.Helper()
	for _, id := range w.porta.Tenants() {
		if token, found := w.porta.Token(w.zync.Holds(id)); !found || !token.Lives(time.Now()) {
			w.t.Errorf("tenant %d: Zync holds no token that Porta accepts", id)
		}
	}
}

func TestOutageInTheMiddleWastesNoToken(t *testing.T) {
	for name, weather := range map[string]sim.Weather{
		"refusing": {Down: errors.New("connection refused")},
		"hanging":  {Hanging: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 5000)
				w.zync.Set(sim.Weather{Latency: 10 * time.Millisecond})
				time.AfterFunc(5*time.Second, func() { w.zync.Set(weather) })
				time.AfterFunc(10*time.Minute, func() { w.zync.Set(sim.Weather{}) })
				began, rotation, minted := time.Now(), rotate.New(w.o), 0
				r, err := w.runBy(rotation, nil)
				for err != nil && time.Since(began) < 12*time.Minute { // as the daemon does
					minted += count(r, "minted")
					time.Sleep(30 * time.Second)
					r, err = w.runBy(rotation, nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				w.expect(r, map[string]int{"tenants": 5000, "failed": 0})
				w.allServed()
				if minted += count(r, "minted"); minted != 5000 {
					t.Errorf("%d tokens were minted for 5000 tenants", minted)
				}
				if took := time.Since(began); took < 10*time.Minute || took > 12*time.Minute {
					t.Errorf("took %s, want little more than the outage", took)
				}
				if said := strings.Count(w.log.String(), "zync is still in trouble"); said < 5 || said > 10 {
					t.Errorf("the log said %d times that Zync is in trouble, want once a minute", said)
				}
			})
		})
	}
}

func TestZyncDownFromTheStartCostsAHandful(t *testing.T) {
	for _, by := range []time.Duration{0, 10 * time.Minute} { // the daemon's run, and one by hand
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 500)
			w.o.RetryFor = by
			w.zync.Set(sim.Weather{Down: errors.New("connection refused")})
			rotation := rotate.New(w.o)
			r, err := w.runBy(rotation, nil)
			if err == nil || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("error %v, want one with the cause", err)
			}
			w.expect(r, map[string]int{"tenants": 500, "delivered": 0, "failed": 500})
			minted := count(r, "minted")
			if minted > 8 {
				t.Errorf("%d tokens were minted", minted)
			}
			if n := w.porta.Tokens(); by > 0 && n != 0 {
				t.Errorf("%d tokens are left, though none was ever sent", n)
			}
			if by > 0 {
				return
			}
			for range 20 { // two hours of it
				time.Sleep(time.Minute)
				r, _ = w.runBy(rotation, nil)
				minted += count(r, "minted")
			}
			w.zync.Set(sim.Weather{})
			r, err = w.runBy(rotation, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.expect(r, map[string]int{"delivered": 500, "failed": 0})
			w.allServed()
			if minted += count(r, "minted"); minted != 500 || w.porta.Tokens() != 500 {
				t.Errorf("%d tokens were minted for 500 tenants, %d are there", minted, w.porta.Tokens())
			}
		})
	}
}

// TestZyncThatLivesButTakesNothing: /status/live says 200, and every push fails.
// Fresh tokens are tried one at a time, fewer and fewer, and none is wasted.
func TestZyncThatLivesButTakesNothing(t *testing.T) {
	for name, status := range map[string]int{"500": 500, "hanging": sim.Hang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3000)
				time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
				w.zync.Answer(func(int64) int { return status })
				rotation, began, minted := rotate.New(w.o), time.Now(), 0
				time.AfterFunc(time.Minute, func() {
					if n := w.porta.Tokens(); n < 40 || n > 60 {
						t.Errorf("%d tokens in the first minute, want some fifty", n)
					}
				})
				time.AfterFunc(10*time.Minute, func() {
					if n := w.porta.Tokens(); n > 100 {
						t.Errorf("%d tokens in ten minutes", n)
					}
				})
				for time.Since(began) < 2*time.Hour {
					r, _ := w.runBy(rotation, nil)
					minted += count(r, "minted")
					time.Sleep(30 * time.Second)
				}
				if minted > 250 {
					t.Errorf("%d tokens were minted in two hours", minted)
				}
				w.zync.Answer(nil)
				for range 3 {
					r, err := w.runBy(rotation, nil)
					if err != nil {
						t.Fatal(err)
					}
					minted += count(r, "minted")
				}
				w.allServed()
				if minted != 3000 {
					t.Errorf("%d tokens were minted for 3000 tenants", minted)
				}
			})
		})
	}
}

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

func TestOverloadStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 700)
		w.zync.Set(sim.Weather{}) // one push takes 60 s below: 180 an hour by three workers
		served := map[int64]int{}
		w.o.Zync = slowZync{w.o.Zync, &sync.Mutex{}, served}
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		for range 5 {
			_, _ = w.run(nil)
			time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour)))
		}
		if len(served) != 700 {
			t.Errorf("%d of 700 tenants were served in five windows of 180", len(served))
		}
	})
}

type slowZync struct {
	rotate.Zync
	mu     *sync.Mutex
	served map[int64]int
}

func (z slowZync) Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer {
	time.Sleep(time.Minute)
	z.mu.Lock()
	z.served[tenant.ID]++
	z.mu.Unlock()
	return z.Zync.Push(ctx, tenant, token)
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

func TestVerifyBeforePush(t *testing.T) {
	for name, c := range map[string]struct {
		err           error
		asked, pushes int
	}{
		"accepted":     {nil, 1, 20},
		"not accepted": {zync.ErrNotAccepted, 11, 0}, // it is tried for ten seconds
		"no answer":    {errors.New("time-out"), 3, 20},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 20)
				asked := 0
				w.o.Verify = func(context.Context, zync.Tenant, secret.Text) error { asked++; return c.err }
				r, err := w.run(nil)
				if asked != c.asked || w.zync.Pushes() != c.pushes {
					t.Errorf("Porta was asked %d times, Zync got %d pushes; want %d and %d", asked, w.zync.Pushes(), c.asked, c.pushes)
				}
				if (err != nil) != errors.Is(c.err, zync.ErrNotAccepted) {
					t.Errorf("error %v", err)
				}
				if c.pushes == 0 {
					w.expect(r, map[string]int{"minted": 1, "failed": 20})
					if w.porta.Tokens() != 0 {
						t.Error("the refused token is still there")
					}
					// The next run tries another tenant's, should it be this one's own fault.
					id, _ := sim.NewLedger(w.redis).Resume(t.Context())
					if id == 0 {
						t.Error("the next run would begin with the same tenant")
					}
				}
			})
		})
	}
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
