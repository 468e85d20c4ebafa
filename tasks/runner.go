package tasks

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Record keeps the results of runs; see [ledger.Ledger].
type Record interface {
	RecordRun(ctx context.Context, run ledger.Run) error
	RecordProgress(ctx context.Context, task string, p ledger.Progress) error
}

// Runner runs tasks. Each task has at most one run at a time in all processes.
type Runner struct {
	Leases  Leases
	Record  Record
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
	// Wait is how long to wait while another run of the task is at work.
	Wait time.Duration
	// Asks is true for runs by hand that have precedence: they ask a daemon's run to
	// give way.
	Asks bool
	// GivesWay tells whether the holder of a run lease gives way, from its description
	// of itself. If it is nil, all holders do.
	GivesWay func(holder string) bool
	// Owns returns an error if leases and ledger are not known to belong to this
	// program's Porta, for example [ErrOtherPorta]. If it is nil, they do.
	Owns func(context.Context) error
	// Yields is true for runs that give way to runs by hand.
	Yields bool
	// Clean makes an error printable, because it may quote a server. If it is nil, errors
	// stay as they are.
	Clean func(error) error
	// Progress is called with how far runs are. It may be nil.
	Progress func(Progress)
	// Ended is called with the report of each run that has ended, except dry runs. It
	// must not block, and it may be nil.
	Ended func(Report)
}

// Run runs a task in the window of its schedule and reports on it. It never panics, and
// returns no error: a failure is an outcome.
func (r *Runner) Run(ctx context.Context, task Task, window Window, drain <-chan struct{}) Report {
	run := r.newRun(task, window, drain)
	report := r.report(run, task, func() (Result, error) { return r.underLease(ctx, task, run) })
	if report.Outcome != Busy && !errors.Is(report.Err, ErrOtherPorta) { // the record is the other Porta's
		r.record(ctx, run, report)
	}
	r.Metrics.ran(report)
	if r.Ended != nil {
		r.Ended(report)
	}
	return report
}

// DryRun runs a task that was told to write nothing. It takes no lease and records
// nothing, so it can be used at any time.
func (r *Runner) DryRun(ctx context.Context, task Task, window Window, drain <-chan struct{}) Report {
	run := r.newRun(task, window, drain)
	run.dry = true
	return r.report(run, task, func() (Result, error) {
		if err := r.owns(ctx); err != nil {
			return task.Nothing(), err
		}
		return safely(ctx, task, run)
	})
}

func (r *Runner) newRun(task Task, window Window, drain <-chan struct{}) Run {
	id := strings.ToLower(rand.Text()[:10])
	run := Run{ID: id, Window: window, Drain: drain, Log: r.Log.With("task", task.Name(), "run_id", id), Progress: r.Progress}
	if run.Progress == nil {
		run.Progress = func(Progress) {}
	}
	return run
}

func (r *Runner) report(run Run, task Task, work func() (Result, error)) Report {
	report := Report{Task: task.Name(), DryRun: run.dry}
	began := time.Now()
	report.Result, report.Err = work()
	report.Err = InPlainWords(report.Err)
	report.Outcome = outcome(report.Result, report.Err)
	if r.Clean != nil {
		report.Err = r.Clean(report.Err)
	}
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
	record := entry(run, report, r.Now())
	record.ByHand = !r.Yields
	r.Metrics.Known(report.Task, record.Times())
	if err := r.Record.RecordRun(context.WithoutCancel(ctx), record); err != nil {
		run.Log.Warn("run not recorded; --status shows the run before it", "err", err)
	}
}

// entry is what the ledger stores of a report.
func entry(run Run, report Report, ended time.Time) ledger.Run {
	record := ledger.Run{
		Task: report.Task, RunID: run.ID, Outcome: string(report.Outcome), Ended: ended.UTC(),
		Duration: report.Duration.Seconds(), Counts: map[string]int{},
		Chosen: report.Result.Chosen, Complete: report.Result.Complete,
	}
	for _, c := range report.Result.Counts {
		record.Counts[c.Name] = c.N
	}
	if report.Err != nil {
		record.Error = report.Err.Error()
	}
	return record
}

func logReport(log *slog.Logger, report Report) {
	args := []any{"outcome", report.Outcome, "duration", report.Duration.Round(time.Millisecond)}
	if report.DryRun {
		args = append(args, "dry_run", true) // the numbers are what would be done
	}
	for _, c := range report.Result.Counts {
		args = append(args, c.Name, c.N)
	}
	switch report.Outcome {
	case Success:
		log.Info("run ended", args...)
	case Busy:
		log.Debug("run ended", args...) // the caller logs it, once
	case Partial:
		if report.Err != nil {
			args = append(args, "err", report.Err)
		}
		log.Warn("run ended", args...)
	default:
		log.Error("run ended", append(args, "err", report.Err)...)
	}
}
