package daemon

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// cronGrace is how long cron has to start a window's run. After that the loop
	// starts it: the clock was set, or the firing met a run still at work.
	cronGrace = 2 * time.Second
	// busyRetry is the time between two tries while another run of the task is at
	// work.
	busyRetry = 5 * time.Second
	// A run that failed is tried again after firstRetry, then after twice as long,
	// and so on to longestRetry.
	firstRetry   = 5 * time.Second
	longestRetry = 5 * time.Minute
)

// job is a task on its schedule: cron fires it, and the daemon's loop starts what
// cron missed and tries again what failed.
type job struct {
	Job
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	running bool
	window  tasks.Window // as last computed
	served  time.Time    // start of the last window that needs no further run
	done    time.Time    // when a run last left nothing to do in its window; zero if not known
	retryAt time.Time
	tries   int
	failing time.Time       // since when every run has failed; zero if the last did not
	busy    *rate.Sometimes // limits the log line about another run
}

func newJob(of Job, now func() time.Time) *job {
	return &job{Job: of, log: of.Runner.Log.With("task", of.Task.Name()), now: now, busy: eachMinute()}
}

func eachMinute() *rate.Sometimes { return &rate.Sometimes{Interval: time.Minute} }

// begin begins a leadership, and returns what runs the job unless it runs already.
// served is the start of the last window that needs no run; if it is zero, the current
// window is served at once.
func (j *job) begin(ctx context.Context, drain <-chan struct{}, served time.Time) cron.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.served, j.retryAt, j.tries, j.failing = served, time.Time{}, 0, time.Time{}
	logger := cronLogger{log: j.log, skipped: func() { j.Runner.Metrics.SkippedFiring(j.Task.Name()) }}
	// Recover goes innermost: outside of SkipIfStillRunning, a panic would leave the
	// run marked as at work for ever.
	chain := cron.NewChain(cron.SkipIfStillRunning(logger), cron.Recover(logger))
	return chain.Then(cron.FuncJob(func() { j.run(ctx, drain) }))
}

// due is true if the loop should run the job now. A window other than the one last
// served is due, also an earlier one: the clock was set back.
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
// and a schedule that seldom fires takes a while to say.
func (j *job) windowAt(now time.Time) tasks.Window {
	if now.Before(j.window.Start) || !now.Before(j.window.End) {
		j.window = j.Schedule.Window(now)
	}
	return j.window
}

// run runs the task once in the current window.
func (j *job) run(ctx context.Context, drain <-chan struct{}) {
	j.mu.Lock()
	j.running = true
	window := j.windowAt(j.now())
	j.mu.Unlock()
	report := j.Runner.Run(ctx, j.Task, window, drain)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = false
	j.Runner.Metrics.NextRun(j.Task.Name(), j.Schedule.Next(j.now()))
	switch {
	case report.Outcome == tasks.Busy:
		j.tries = 1
		j.retryAt = time.Now().Add(busyRetry/2 + rand.N(busyRetry/2))
		j.busy.Do(func() { j.log.Info("another run of the task is at work; trying again until it has ended") })
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
	j.busy = eachMinute()
}

// lastDone is when a run was last known to leave nothing to do.
func (j *job) lastDone() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.done
}

// known notes what another process recorded of the last complete run.
func (j *job) known(at time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if at.After(j.done) {
		j.done = at
	}
}

// failingFor is for how long every run has failed; zero while one runs.
func (j *job) failingFor() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running || j.failing.IsZero() {
		return 0
	}
	return time.Since(j.failing)
}

// retryIn doubles with each failure in a row; half of it is chance.
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
