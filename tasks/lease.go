package tasks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/token-scheduler/token-scheduler/locks"
)

const (
	// askAgain is how often a waiting run tries to take the lease.
	askAgain = 500 * time.Millisecond
	// giveWayIn is the least time that a run by hand waits for a run that gives way.
	// That run learns of it within a second, and then has five seconds.
	giveWayIn = 15 * time.Second
)

// Lease is a run lease that this process holds.
type Lease interface {
	// Context ends when the lease can no longer be trusted.
	Context() context.Context
	// Release gives up the lease, after the work under it has ended.
	Release() error
}

// Leases takes run leases. The error is a [locks.ErrHeld] if another process has it.
type Leases interface {
	Acquire(ctx context.Context, name string) (Lease, error)
}

// Askable are leases that a process can ask for while another one holds them.
type Askable interface {
	// Ask makes a request that lasts until it is released. The error is a
	// [locks.ErrHeld] if another process asks already.
	Ask(ctx context.Context, name string) (Lease, error)
	// Wanted is true while a process asks.
	Wanted(ctx context.Context, name string) (bool, error)
}

// wanted is a lease that knows when another process asks for it.
type wanted interface {
	Wanted() <-chan struct{} // closed when a process asks
}

// underLease runs a task while it holds the run lease. [ErrBusy] means that another
// run is at work.
func (r *Runner) underLease(ctx context.Context, task Task, run Run) (Result, error) {
	if err := r.owns(ctx); err != nil { // before it asks another Porta's run to give way
		return task.Nothing(), err
	}
	lease, err := r.acquire(ctx, "run:"+task.Name(), run)
	if errors.Is(err, locks.ErrHeld) {
		return task.Nothing(), ErrBusy
	}
	if err != nil {
		return task.Nothing(), fmt.Errorf("take run lease: %w", err)
	}
	if l, can := lease.(wanted); can && r.Yields {
		run.Yield = l.Wanted()
	}
	result, err := r.workInTime(lease.Context(), task, run)
	if cause := context.Cause(lease.Context()); err != nil && errors.Is(cause, locks.ErrLost) {
		err = cause // whatever failed, this is why
	}
	if releaseErr := lease.Release(); releaseErr != nil {
		run.Log.Warn("run lease not given up; it runs out by itself", "err", releaseErr)
	}
	return result, err
}

// work runs a task under its lease. It checks once more that the keys belong to this Porta,
// because the wait for the lease may have been long.
func (r *Runner) work(ctx context.Context, task Task, run Run) (Result, error) {
	if err := r.owns(ctx); err != nil {
		return task.Nothing(), err
	}
	defer r.follow(ctx, task.Name(), &run)()
	return watched(ctx, task, run)
}

// workInTime is as work. While another scheduler holds the task's lock in MySQL, it tries
// again, for a limited time.
func (r *Runner) workInTime(ctx context.Context, task Task, run Run) (Result, error) {
	for began := time.Now(); ; {
		result, err := r.work(ctx, task, run)
		if !errors.Is(err, ErrBusy) || result.Changed || time.Since(began) >= r.waitFor(err) || !sleep(ctx, run.Drain) {
			return result, err
		}
	}
}

// sleep waits a moment, and returns false if the run should end first.
func sleep(ctx context.Context, drain <-chan struct{}) bool {
	timer := time.NewTimer(askAgain/2 + rand.N(askAgain/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-drain:
	case <-ctx.Done():
	}
	return false
}

// acquire takes the run lease. If another run is at work, it waits for its end, for a
// limited time.
func (r *Runner) acquire(ctx context.Context, name string, run Run) (Lease, error) {
	askable, can := r.Leases.(Askable)
	switch {
	case can && r.Yields:
		if asked, err := askable.Wanted(ctx, name); err == nil && asked {
			return nil, locks.ErrHeld
		}
	case can && r.Asks:
		request, err := askable.Ask(ctx, name)
		if err != nil {
			return nil, err
		}
		defer func() {
			if err := request.Release(); err != nil {
				run.Log.Warn("request for the run lease not withdrawn; it runs out by itself", "err", err)
			}
		}()
	}
	return r.await(ctx, name, run)
}

// waitFor is how long to wait for a run lease that another run holds. It is longer if that
// run will give way.
func (r *Runner) waitFor(held error) time.Duration {
	var by *locks.HeldError
	if r.Asks && (r.GivesWay == nil || !errors.As(held, &by) || r.GivesWay(by.Holder)) {
		return max(r.Wait, giveWayIn)
	}
	return r.Wait
}

// await takes the run lease as soon as it is free.
func (r *Runner) await(ctx context.Context, name string, run Run) (Lease, error) {
	began := time.Now()
	for {
		lease, err := r.Leases.Acquire(ctx, name)
		if !errors.Is(err, locks.ErrHeld) || time.Since(began) >= r.waitFor(err) {
			return lease, err
		}
		switch {
		case sleep(ctx, run.Drain):
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		default:
			return nil, locks.ErrHeld
		}
	}
}
