package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/locks"
)

// askableLeases has each lease once, as Redis has.
type askableLeases struct {
	mu     sync.Mutex
	held   map[string]bool
	wanted chan struct{} // of the run lease that is held
}

func (l *askableLeases) take(ctx context.Context, name string) (*askableLease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[name] {
		return nil, locks.ErrHeld
	}
	l.held[name] = true
	return &askableLease{ctx: ctx, name: name, leases: l}, nil
}

func (l *askableLeases) Acquire(ctx context.Context, name string) (Lease, error) {
	lease, err := l.take(ctx, name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = make(chan struct{})
	lease.wanted = l.wanted
	return lease, nil
}

func (l *askableLeases) Ask(ctx context.Context, name string) (Lease, error) {
	lease, err := l.take(ctx, "wanted:"+name)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wanted != nil {
		close(l.wanted)
		l.wanted = nil
	}
	return lease, nil
}

func (l *askableLeases) Wanted(_ context.Context, name string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held["wanted:"+name], nil
}

type askableLease struct {
	ctx    context.Context //nolint:containedctx // as a lease's
	name   string
	leases *askableLeases
	wanted chan struct{}
}

func (l *askableLease) Context() context.Context { return l.ctx }
func (l *askableLease) Wanted() <-chan struct{}  { return l.wanted }
func (l *askableLease) Release() error {
	l.leases.mu.Lock()
	defer l.leases.mu.Unlock()
	delete(l.leases.held, l.name)
	return nil
}

// yielding works for two minutes, or until it is told to give way, and four seconds more.
func yielding(_ context.Context, run Run) (Result, error) {
	select {
	case <-run.Yield:
		time.Sleep(4 * time.Second)
		return Result{}, fmt.Errorf("%w: gave way", ErrInterrupted)
	case <-time.After(2 * time.Minute):
		return Result{Complete: true}, nil
	}
}

func TestARunByHandHasPrecedence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leases := &askableLeases{held: map[string]bool{}}
		daemon, _, _ := newRunner(nil)
		hand, _, _ := newRunner(nil)
		daemon.Leases, daemon.Yields = leases, true
		hand.Leases, hand.Asks = leases, true
		ran := make(chan Report)
		go func() { ran <- daemon.Run(t.Context(), fakeTask(yielding), Window{}, nil) }()
		time.Sleep(time.Minute)
		began := time.Now()
		go func() {
			ran <- hand.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) {
				if waited := time.Since(began); waited > 6*time.Second {
					t.Errorf("the run by hand began after %s", waited)
				}
				time.Sleep(time.Minute)
				return Result{Complete: true}, nil
			}), Window{}, nil)
		}()
		if got := <-ran; !errors.Is(got.Err, ErrInterrupted) || got.Outcome != Partial {
			t.Errorf("the daemon's run ended %s, %v", got.Outcome, got.Err)
		}
		time.Sleep(time.Second)
		if got := daemon.Run(t.Context(), fakeTask(yielding), Window{}, nil); got.Outcome != Busy {
			t.Errorf("beside the run by hand the daemon's is %s", got.Outcome)
		}
		if got := <-ran; got.Outcome != Success {
			t.Errorf("the run by hand ended %s, %v", got.Outcome, got.Err)
		}
		if got := daemon.Run(t.Context(), fakeTask(yielding), Window{}, nil); got.Outcome != Success {
			t.Errorf("after it the daemon's is %s, %v", got.Outcome, got.Err)
		}
	})
}

// TestTwoRunsByHand: the second finds the task busy, whether it asks or not.
func TestTwoRunsByHand(t *testing.T) {
	for _, asks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			leases := &askableLeases{held: map[string]bool{}}
			first, _, _ := newRunner(nil)
			second, _, _ := newRunner(nil)
			first.Leases, first.Asks = leases, true
			second.Leases, second.Asks = leases, asks
			ran := make(chan Report)
			go func() { ran <- first.Run(t.Context(), fakeTask(yielding), Window{}, nil) }()
			time.Sleep(time.Second)
			if got := second.Run(t.Context(), fakeTask(yielding), Window{}, nil); got.Outcome != Busy {
				t.Errorf("asks %t: the second is %s", asks, got.Outcome)
			}
			if got := <-ran; got.Outcome != Success {
				t.Errorf("asks %t: the first is %s", asks, got.Outcome)
			}
		})
	}
}

// TestWaitsForTheLockInMySQL: another scheduler, of another name, holds it. A run that
// has changed something is over all the same.
func TestWaitsForTheLockInMySQL(t *testing.T) {
	for name, c := range map[string]struct {
		wait    time.Duration
		asks    bool
		changed bool
		want    Outcome
	}{
		"no wait":       {0, false, false, Busy},
		"too short":     {5 * time.Second, false, false, Busy},
		"waits":         {time.Minute, false, false, Success},
		"asks":          {0, true, false, Success},
		"has begun":     {time.Minute, false, true, Failed},
		"asks and more": {time.Minute, true, false, Success},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _, _ := newRunner(&fakeLeases{})
				r.Wait, r.Asks = c.wait, c.asks
				began := time.Now()
				report := r.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) {
					if time.Since(began) < 10*time.Second {
						return Result{Changed: c.changed}, fmt.Errorf("%w: the lock", ErrBusy)
					}
					return Result{Complete: true}, nil
				}), Window{}, nil)
				if report.Outcome != c.want || (c.want != Success && time.Since(began) > c.wait+time.Second) {
					t.Errorf("%s after %s, want %s", report.Outcome, time.Since(began), c.want)
				}
			})
		})
	}
}
