package locks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bsm/redislock"
)

// Lease is a lock that this process holds and refreshes. It is trusted for its life
// minus a margin, counted from the moment the last successful refresh began. The answer
// may have taken long, and Redis counts from when the request arrived.
type Lease struct {
	lock   *redislock.Lock
	locker *Locker
	name   string

	ctx    context.Context //nolint:containedctx // a lease is a context that depends on a lock
	cancel context.CancelCauseFunc
	done   chan struct{}
	once   sync.Once

	asking sync.Once
	wanted chan struct{}
}

// margin is the last part of a lease's life. In it the lease is no longer trusted,
// although Redis still keeps it. It gives the work time to stop, and allows for clocks
// that run at different speeds.
func margin(life time.Duration) time.Duration { return life / 5 }

// keep makes a lease from a lock that was requested when it began.
func (l *Locker) keep(ctx context.Context, name string, lock *redislock.Lock, began time.Time) *Lease {
	lease := &Lease{lock: lock, locker: l, name: name, done: make(chan struct{}), wanted: make(chan struct{})}
	lease.ctx, lease.cancel = context.WithCancelCause(ctx)
	go lease.keep(began)
	return lease
}

// Context ends when the lease is lost, with a cause that wraps [ErrLost], or when the
// context given to Acquire ends.
func (l *Lease) Context() context.Context { return l.ctx }

// askEvery is how often a holder looks whether another process asks for its lease.
const askEvery = time.Second

// Wanted is closed when another process asks for the lease with [Locker.Ask]. From the
// first call on, it asks Redis once a second until the lease's context ends.
func (l *Lease) Wanted() <-chan struct{} {
	l.asking.Do(func() {
		go func() {
			for wanted := false; !wanted; {
				if !sleep(l.ctx, askEvery) {
					return
				}
				wanted, _ = l.locker.Wanted(l.ctx, l.name) // without an answer, nobody is known to ask
			}
			close(l.wanted)
		}()
	})
	return l.wanted
}

// keep refreshes the lease until its context ends or it can't be trusted.
func (l *Lease) keep(began time.Time) {
	defer close(l.done)
	life := l.locker.life
	every := life / 3
	trusted := began.Add(life - margin(life))
	next := began.Add(every)
	var last error
	for {
		if !sleep(l.ctx, min(time.Until(next), time.Until(trusted))) {
			return
		}
		if expired(trusted) {
			l.cancel(lost("not refreshed in time", last))
			return
		}
		began = time.Now()
		last = l.refresh(trusted)
		switch {
		case last == nil:
			trusted = began.Add(life - margin(life))
			next = began.Add(every)
		case errors.Is(last, redislock.ErrNotObtained):
			l.cancel(lost("Redis no longer knows it", nil))
			return
		default:
			next = time.Now().Add(every / 5)
		}
	}
}

// expired uses both of Go's clocks. The monotonic one stops while a machine sleeps, and
// the other one may be set back. The later one counts.
func expired(trusted time.Time) bool {
	now := time.Now()
	return !now.Before(trusted) || !now.Round(0).Before(trusted.Round(0))
}

func lost(why string, err error) error {
	if err == nil {
		return fmt.Errorf("%w: %s", ErrLost, why)
	}
	return fmt.Errorf("%w: %s: %w", ErrLost, why, err)
}

// sleep returns false if the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// refresh gives up at the moment when the lease can no longer be trusted, even if Redis
// hangs.
func (l *Lease) refresh(trusted time.Time) error {
	ctx, cancel := context.WithTimeout(l.ctx, min(callTimeout, time.Until(trusted)))
	defer cancel()
	return l.lock.Refresh(ctx, l.locker.life, nil)
}

// Release gives up the lease, so that another process can take it at once. The work
// under it must have ended. It returns no error if the lease is already lost.
func (l *Lease) Release() error {
	var err error
	l.once.Do(func() {
		l.cancel(context.Canceled)
		<-l.done
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		err = l.lock.Release(ctx)
		if errors.Is(err, redislock.ErrLockNotHeld) {
			err = nil
		}
	})
	if err != nil {
		return fmt.Errorf("release lease %s: %w", l.lock.Key(), err)
	}
	return nil
}
