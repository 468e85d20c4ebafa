package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// stallAfter is how long a run may make no step. It is two minutes longer than
	// the longest time-out of a step, which is that of a read from MySQL, 30 seconds.
	stallAfter = 2*time.Minute + 30*time.Second
	// stallCheck is how often that is checked. A frozen process counts one check, however
	// long it was frozen.
	stallCheck = 10 * time.Second
	// abandonAfter is how long a run that was told to end may go on without a step.
	abandonAfter = 30 * time.Second
)

var (
	// ErrStalled is the cause when a run that makes no step is ended.
	ErrStalled = errors.New("the run made no step for too long and was ended")
	// ErrHung means that such a run does not end either. It was abandoned and may still
	// hold the writer's lock in MySQL, so the process must be restarted.
	ErrHung = errors.New("the run made no step for too long and does not end; the process must be restarted")
)

// steps counts the steps of a run.
type steps struct{ n atomic.Int64 }

// Step is a sign of life: it is called after each part of a run that has a time-out of
// its own, also if that part failed. A run without steps is ended.
func (r Run) Step() {
	if r.steps != nil {
		r.steps.n.Add(1)
	}
}

// ran is what a task returned.
type ran struct {
	result Result
	err    error
}

// watched runs a task and watches its steps. A run that makes no step is told to end, and is
// abandoned if it does not.
func watched(ctx context.Context, task Task, run Run) (Result, error) {
	run.steps = &steps{}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	ended := make(chan ran, 1)
	go func() {
		var r ran
		r.result, r.err = safely(ctx, task, run)
		ended <- r
	}()
	r, over := awaitSteps(run.steps, ended, stallAfter)
	if over {
		return r.result, r.err
	}
	run.Log.Error("the run makes no step; ending it", "for", stallAfter)
	end(ErrStalled)
	if r, over = awaitSteps(run.steps, ended, abandonAfter); !over {
		return task.Nothing(), ErrHung
	}
	if r.err != nil {
		r.err = fmt.Errorf("%w: %w", ErrStalled, r.err)
	}
	return r.result, r.err
}

// awaitSteps returns what the task returned, and false if the task makes no step for a
// time.
func awaitSteps(s *steps, ended <-chan ran, patience time.Duration) (ran, bool) {
	tick := time.NewTicker(stallCheck)
	defer tick.Stop()
	last, still := s.n.Load(), time.Duration(0)
	for still < patience {
		select {
		case r := <-ended:
			return r, true
		case <-tick.C:
		}
		still += stallCheck
		if now := s.n.Load(); now != last {
			last, still = now, 0
		}
	}
	return ran{}, false
}
