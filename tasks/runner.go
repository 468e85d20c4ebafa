package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/locks"
)

// askAgain is how often a run that waits for another one tries again.
const askAgain = 500 * time.Millisecond

// Lease is a run lease that was taken.
type Lease interface {
	// Context ends when the lease can no longer be trusted.
	Context() context.Context
	// Release gives the lease up, after the work under it has ended.
	Release() error
}

// Leases takes run leases; the error is [locks.ErrHeld] where another has it.
type Leases interface {
	Acquire(ctx context.Context, name string) (Lease, error)
}

// Record keeps what became of a task's last run.
type Record interface {
	RecordRun(ctx context.Context, report Report, runID string, ended time.Time) error
}

// Runner runs tasks, one run of each at a time across all processes.
type Runner struct {
	Leases  Leases
	Record  Record
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
	// Wait is how long to wait for another run of the task before giving way.
	Wait time.Duration
	// Progress hears how far runs are; nil where nobody listens.
	Progress func(done, total int)
}

// Run runs a task in the window of its schedule and reports on it. It never
// panics and never fails: a failure is an outcome.
func (r *Runner) Run(ctx context.Context, task Task, window Window, drain <-chan struct{}) Report {
	run := r.newRun(task, window, drain)
	report := r.report(run, task, func() (Result, error) { return r.underLease(ctx, task, run) })
	if report.Outcome != Busy {
		r.record(ctx, run, report)
	}
	r.Metrics.ran(report)
	return report
}

// DryRun runs a task that was told to write nothing. It takes no lease and leaves
// no record, so that it can be tried at any time.
func (r *Runner) DryRun(ctx context.Context, task Task, window Window, drain <-chan struct{}) Report {
	run := r.newRun(task, window, drain)
	return r.report(run, task, func() (Result, error) { return safely(ctx, task, run) })
}

func (r *Runner) newRun(task Task, window Window, drain <-chan struct{}) Run {
	id := strings.ToLower(rand.Text()[:10])
	run := Run{ID: id, Window: window, Drain: drain, Log: r.Log.With("task", task.Name(), "run_id", id), Progress: r.Progress}
	if run.Progress == nil {
		run.Progress = func(int, int) {}
	}
	return run
}

func (r *Runner) report(run Run, task Task, work func() (Result, error)) Report {
	report := Report{Task: task.Name()}
	began := time.Now()
	report.Result, report.Err = work()
	report.Outcome = outcome(report.Result, report.Err)
	report.Duration = time.Since(began)
	logReport(run.Log, report)
	return report
}

func safely(ctx context.Context, task Task, run Run) (Result, error) {
	result := task.Nothing()
	err := Safely(func() (err error) {
		result, err = task.Run(ctx, run)
		return err
	})
	return result, err
}

func (r *Runner) record(ctx context.Context, run Run, report Report) {
	now := r.Now()
	if report.Outcome == Success {
		r.Metrics.succeeded(report.Task, now)
	}
	err := r.Record.RecordRun(context.WithoutCancel(ctx), report, run.ID, now)
	switch {
	case err != nil && report.Outcome == Success:
		run.Log.Warn("run not recorded; after a restart it may be made up for", "err", err)
	case err != nil:
		run.Log.Debug("run not recorded; --status shows the one before it", "err", err)
	}
}

func (r *Runner) underLease(ctx context.Context, task Task, run Run) (Result, error) {
	lease, err := r.acquire(ctx, task.Name(), run)
	if errors.Is(err, locks.ErrHeld) {
		return task.Nothing(), ErrBusy
	}
	if err != nil {
		return task.Nothing(), fmt.Errorf("take run lease: %w", err)
	}
	result, err := safely(lease.Context(), task, run)
	if cause := context.Cause(lease.Context()); err != nil && errors.Is(cause, locks.ErrLost) {
		err = cause // whatever the work ran into, it was this
	}
	if releaseErr := lease.Release(); releaseErr != nil {
		run.Log.Warn("run lease not given up; it runs out by itself", "err", releaseErr)
	}
	return result, err
}

// acquire takes the run lease, and waits for another run's end where it may.
func (r *Runner) acquire(ctx context.Context, task string, run Run) (Lease, error) {
	deadline := time.Now().Add(r.Wait)
	for {
		lease, err := r.Leases.Acquire(ctx, "run:"+task)
		if !errors.Is(err, locks.ErrHeld) || !time.Now().Before(deadline) {
			return lease, err
		}
		timer := time.NewTimer(askAgain/2 + mathrand.N(askAgain/2))
		select {
		case <-timer.C:
		case <-run.Drain:
			timer.Stop()
			return nil, locks.ErrHeld
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

func logReport(log *slog.Logger, report Report) {
	args := []any{"outcome", report.Outcome, "duration", report.Duration.Round(time.Millisecond)}
	for _, c := range report.Result.Counts {
		args = append(args, c.Name, c.N)
	}
	switch report.Outcome {
	case Success:
		log.Info("run ended", args...)
	case Busy:
		log.Debug("run ended", args...) // the caller says it, once
	case Partial:
		if report.Err != nil {
			args = append(args, "err", report.Err)
		}
		log.Warn("run ended", args...)
	default:
		log.Error("run ended", append(args, "err", report.Err)...)
	}
}
