package tasks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestARunWithoutSteps: it is told to end, and keeps what it has done. If it does not
// end, it is abandoned, and its lease is free.
func TestARunWithoutSteps(t *testing.T) {
	for name, c := range map[string]struct {
		task    fakeTask
		is      error
		outcome Outcome
		after   time.Duration
	}{
		"hears": {func(ctx context.Context, _ Run) (Result, error) {
			<-ctx.Done()
			return Result{Done: 3}, context.Cause(ctx)
		}, ErrStalled, Failed, stallAfter},
		"ends in time, but slowly": {func(context.Context, Run) (Result, error) {
			time.Sleep(stallAfter - stallCheck)
			return Result{Done: 3, Complete: true}, nil
		}, nil, Success, stallAfter - stallCheck},
		"gets on": {func(_ context.Context, run Run) (Result, error) {
			for range 60 {
				time.Sleep(2 * time.Minute)
				run.Step()
			}
			return Result{Done: 3, Complete: true}, nil
		}, nil, Success, 2 * time.Hour},
		"is deaf": {func(context.Context, Run) (Result, error) {
			time.Sleep(time.Hour)
			return Result{Done: 3}, nil
		}, ErrHung, Failed, stallAfter + abandonAfter},
		"gets on once it is told": {func(ctx context.Context, run Run) (Result, error) {
			<-ctx.Done()
			for range 10 {
				time.Sleep(abandonAfter - stallCheck)
				run.Step()
			}
			return Result{Done: 3}, context.Cause(ctx)
		}, ErrStalled, Failed, stallAfter + 10*(abandonAfter-stallCheck)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				leases := &fakeLeases{}
				r, _, _ := newRunner(leases)
				began := time.Now()
				report := r.Run(t.Context(), c.task, Window{}, nil)
				if report.Outcome != c.outcome || !errors.Is(report.Err, c.is) || (!errors.Is(c.is, ErrHung) && report.Result.Done != 3) {
					t.Errorf("%s, %v, %+v", report.Outcome, report.Err, report.Result)
				}
				if took := time.Since(began); (took-c.after).Abs() > stallCheck || leases.released != 1 {
					t.Errorf("after %s, want %s; the lease was released %d times", took, c.after, leases.released)
				}
				time.Sleep(time.Hour) // until what is deaf has ended
			})
		})
	}
}
