package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// cronGrace is how long a firing is cron's to serve before the beat takes it
	// for missed: the clock was set, or the firing met a run still at work.
	cronGrace = 2 * time.Second
	// busyRetry is between two tries while another run of the task is at work.
	busyRetry = 5 * time.Second
	// A run that failed is tried again after firstRetry, then after twice as
	// long, and so on to longestRetry.
	firstRetry   = 5 * time.Second
	longestRetry = 5 * time.Minute
)

// job is a task on its schedule: cron fires it, and the daemon's beat makes up
// for what cron missed and tries again what failed.
type job struct {
	task     tasks.Task
	schedule tasks.Schedule
	runner   *tasks.Runner
	log      *slog.Logger
	now      func() time.Time
	drain    <-chan struct{}

	fire cron.Job // runs the task, unless it runs already

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // the leadership's, for as long as it lasts
	running bool
	window  tasks.Window // as last computed
	served  time.Time    // start of the last window that needs no further run
	// done is when a run last ended with nothing left to do in its window; zero
	// where that is not known.
	done    time.Time
	retryAt time.Time
	tries   int
	failing time.Time // since when every run has failed; zero where the last did not
	busy    *limiter
}

func newJob(task tasks.Task, schedule tasks.Schedule, runner *tasks.Runner, drain <-chan struct{}) *job {
	j := &job{
		task: task, schedule: schedule, runner: runner, drain: drain, now: runner.Now,
		log: runner.Log.With("task", task.Name()), busy: oncePer(time.Minute),
	}
	logger := cronLogger{log: j.log, skipped: func() { j.runner.Metrics.SkippedFiring(task.Name()) }}
	// Recover goes innermost: outside, a panic would leave the run marked as at
	// work for ever.
	j.fire = cron.NewChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)).Then(cron.FuncJob(j.run))
	return j
}

// lead begins a leadership. served is the start of the last window that needs no
// run; where it is zero the current one is served at once.
func (j *job) lead(ctx context.Context, served time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ctx, j.served, j.retryAt, j.tries, j.failing = ctx, served, time.Time{}, 0, time.Time{}
}

// due tells whether the beat should run the job now. A window other than the one
// last served is due, also where it is an earlier one: the clock was set back.
func (j *job) due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	window := j.windowAt(now)
	if j.running || window.Start.Equal(j.served) || time.Now().Before(j.retryAt) {
		return false
	}
	takenOver := j.served.IsZero() && j.tries == 0
	return takenOver || j.tries > 0 || now.Sub(window.Start) >= cronGrace
}

// windowAt returns the window that a time lies in. It is asked for with each beat,
// and computed once a window. The caller holds the lock.
func (j *job) windowAt(now time.Time) tasks.Window {
	if now.Before(j.window.Start) || !now.Before(j.window.End) {
		j.window = j.schedule.Window(now)
	}
	return j.window
}

// run runs the task once in the current window.
func (j *job) run() {
	j.mu.Lock()
	j.running = true
	ctx, window := j.ctx, j.windowAt(j.now())
	j.mu.Unlock()
	report := j.runner.Run(ctx, j.task, window, j.drain)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = false
	j.runner.Metrics.NextRun(j.task.Name(), j.schedule.Next(j.now()))
	switch {
	case report.Outcome == tasks.Busy:
		j.tries = 1
		j.retryAt = time.Now().Add(busyRetry/2 + rand.N(busyRetry/2))
		if j.busy.due() {
			j.log.Info("another run of the task is at work; trying again until it has ended")
		}
		return
	case report.Err == nil:
		j.served, j.done, j.tries, j.failing = window.Start, j.now(), 0, time.Time{}
	default:
		j.tries++
		j.retryAt = time.Now().Add(retryIn(j.tries))
		if j.failing.IsZero() {
			j.failing = time.Now()
		}
	}
	j.busy.reset()
}

// lastDone is when a run was last known to leave nothing to do.
func (j *job) lastDone() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done
}

// known notes what another process recorded of the last success.
func (j *job) known(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if at.After(j.done) {
		j.done = at
	}
}

// failingFor is for how long every run has failed; none runs at the moment.
func (j *job) failingFor() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running || j.failing.IsZero() {
		return 0
	}
	return time.Since(j.failing)
}

// retryIn doubles with each failure in a row; a half of it is chance.
func retryIn(tries int) time.Duration {
	wait := longestRetry
	if tries < 7 {
		wait = firstRetry << (tries - 1)
	}
	return wait/2 + rand.N(wait/2)
}

// cronLogger hears of skipped firings and of panics.
type cronLogger struct {
	log     *slog.Logger
	skipped func()
}

// Info implements [cron.Logger].
func (l cronLogger) Info(msg string, _ ...any) {
	if msg == "skip" {
		l.skipped()
		l.log.Warn("firing skipped: the run before it is still at work")
	}
}

// Error implements [cron.Logger].
func (l cronLogger) Error(err error, msg string, _ ...any) {
	l.log.Error("scheduling failed", "what", msg, "err", err)
}
