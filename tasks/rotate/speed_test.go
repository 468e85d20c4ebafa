package rotate_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/zync"
)

// pod is a Zync with so many threads that each take so long for a push.
type pod struct {
	rotate.Zync
	threads chan struct{}
	takes   time.Duration

	mu       sync.Mutex
	inFlight int
	seen     []int // pushes at a time, at each push
}

func newPod(zync rotate.Zync, threads int, takes time.Duration) *pod {
	return &pod{Zync: zync, threads: make(chan struct{}, threads), takes: takes}
}

func (p *pod) Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer {
	p.mu.Lock()
	p.inFlight++
	p.seen = append(p.seen, p.inFlight)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inFlight--
	}()
	select {
	case p.threads <- struct{}{}:
	case <-ctx.Done():
		return zync.Answer{Class: zync.Transient, Slow: true, Sent: true, Err: ctx.Err()}
	}
	defer func() { <-p.threads }()
	time.Sleep(p.takes)
	return p.Zync.Push(ctx, tenant, token)
}

// settled is how many pushes were made at a time in the second half: the most in
// each hundred, in the mean. Pushes that end together begin anew one by one.
func (p *pod) settled() float64 {
	sum, hundreds := 0, 0
	for part := range slices.Chunk(p.seen[len(p.seen)/2:], 100) {
		sum += slices.Max(part)
		hundreds++
	}
	return float64(sum) / float64(hundreds)
}

func TestAutoFindsThePointOfSaturation(t *testing.T) {
	for _, threads := range []int{1, 4, 12} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2500*threads)
			p := newPod(w.o.Zync, threads, 5*time.Millisecond)
			w.o.Zync, w.o.Concurrency = p, 0
			began := time.Now()
			if _, err := w.run(nil); err != nil {
				t.Fatal(err)
			}
			least := time.Duration(2500) * 5 * time.Millisecond
			if share := float64(least) / float64(time.Since(began)); share < 0.8 {
				t.Errorf("%d threads: %.2f of the rate there is", threads, share)
			}
			if at := p.settled(); at < 0.75*float64(threads) || at > 1.5*float64(threads)+1 {
				t.Errorf("%d threads: it settles at %.1f pushes at a time", threads, at)
			}
		})
	}
}

// TestAutoBacksOff: another client takes three of four threads in the middle.
func TestAutoBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 12_000)
		p := newPod(w.o.Zync, 4, 5*time.Millisecond)
		w.o.Zync, w.o.Concurrency = p, 0
		time.AfterFunc(5*time.Second, func() {
			for range 3 {
				p.threads <- struct{}{}
			}
		})
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		if at := p.settled(); at > 3.5 {
			t.Errorf("it settles at %.1f pushes at a time where one thread is left", at)
		}
		for range 3 {
			<-p.threads
		}
	})
}

func TestPushRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1000)
		w.o.Rate = 20
		began := time.Now()
		if _, err := w.run(nil); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 49*time.Second || took > 52*time.Second {
			t.Errorf("1000 pushes at 20 a second took %s", took)
		}
	})
}

// TestHungTenantsCostTheOthersLittle: one in a hundred hangs to the time-out.
func TestHungTenantsCostTheOthersLittle(t *testing.T) {
	const tenants = 3000
	others := func(hang bool) (took time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, tenants)
			p := newPod(w.o.Zync, 100, 5*time.Millisecond)
			w.o.Zync = hanging{p, hang}
			w.o.RetryFor = time.Minute
			began := time.Now()
			served := make(chan struct{})
			go func() {
				defer close(served)
				for w.zync.Pushes() < tenants-tenants/100 {
					time.Sleep(time.Millisecond)
				}
				took = time.Since(began)
			}()
			_, _ = w.run(nil)
			<-served
		})
		return took
	}
	without, with := others(false), others(true)
	if share := float64(without) / float64(with); share < 0.8 {
		t.Errorf("with one hung tenant in a hundred the others' rate is %.2f of that without", share)
	}
}

type hanging struct {
	rotate.Zync
	hang bool
}

func (h hanging) Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer {
	if !h.hang || tenant.ID%100 != 50 {
		return h.Zync.Push(ctx, tenant, token)
	}
	timer := time.NewTimer(10 * time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return zync.Answer{Class: zync.Transient, Slow: true, Sent: true, Err: errors.New("time-out")}
}
