package rotate_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

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
