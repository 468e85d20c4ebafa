package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// job is a task on its schedule. Cron fires it. The daemon's loop starts it, too, if cron
// missed a firing or a retry is due.
type job struct {
	Job
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	course  course
	tallied tally // of the last run for everyone
	running bool
	began   time.Time       // start of the window of the run at work
	met     []time.Time     // starts of the windows that have fired since
	window  tasks.Window    // as last computed
	busy    *rate.Sometimes // limits the log line about another run
	hung    bool            // a run makes no step and does not end
}

func newJob(of Job, now func() time.Time) *job {
	return &job{Job: of, log: of.Runner.Log.With("task", of.Task.Name()), now: now, busy: eachMinute()}
}

func eachMinute() *rate.Sometimes { return &rate.Sometimes{Interval: time.Minute} }

// begin begins a leadership. It returns a function that runs the job unless it runs already.
// served is the start of the last window that needs no run; if it is zero, the current
// window is served at once.
func (j *job) begin(ctx context.Context, drain <-chan struct{}, served time.Time) cron.Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.course = course{served: served, complete: j.course.complete, noted: j.course.noted, success: j.course.success}
	logger := cronLogger{log: j.log, skipped: j.fired}
	// Recover goes innermost: outside of SkipIfStillRunning, a panic would leave the
	// run marked as at work for ever.
	chain := cron.NewChain(cron.SkipIfStillRunning(logger), cron.Recover(logger))
	return chain.Then(cron.FuncJob(func() { j.run(ctx, drain) }))
}

// due is true if the loop should run the job now.
func (j *job) due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	return !j.running && j.course.due(j.windowAt(now), now, time.Now())
}

// windowAt returns the window of a time. It keeps the last one, because each beat asks for
// it and a schedule that seldom fires is slow to compute.
func (j *job) windowAt(now time.Time) tasks.Window {
	if now.Before(j.window.Start) || !now.Before(j.window.End) {
		j.window = j.Schedule.Window(now)
	}
	return j.window
}

// age returns how long ago the current window began, and its length.
func (j *job) age() (began, length time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.now()
	window := j.windowAt(now)
	return now.Sub(window.Start), window.Length()
}

// run runs the task once in the current window.
func (j *job) run(ctx context.Context, drain <-chan struct{}) {
	window, began := j.start()
	report := j.Runner.Run(ctx, j.Task, window, drain)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.running = false
	j.hung = j.hung || errors.Is(report.Err, tasks.ErrHung)
	j.course.ended(window, report, began, time.Now())
	j.countSkipped()
	j.Runner.Metrics.NextRun(j.Task.Name(), j.Schedule.Next(j.now()))
	if report.Outcome != tasks.Busy {
		j.busy = eachMinute()
		j.tallied = tallyOf(report, j.now())
		return
	}
	j.busy.Do(func() {
		j.log.Info("another run of the task is at work; trying again until it has ended", "err", report.Err)
	})
}

func (j *job) start() (window tasks.Window, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now = j.now()
	window = j.windowAt(now)
	j.running, j.began, j.met = true, window.Start, nil
	return window, now
}

// fired notes a firing that met a run still at work. Its window is served as soon as
// that run has ended.
func (j *job) fired() {
	j.mu.Lock()
	defer j.mu.Unlock()
	window := j.windowAt(j.now())
	if window.Start.Equal(j.began) {
		return // the run at work serves it
	}
	if len(j.met) == 0 {
		j.log.Info("the schedule fired while a run is at work; the next run begins as soon as this one ends")
	}
	j.met = append(j.met, window.Start)
}

// countSkipped counts the windows that have passed without a run.
func (j *job) countSkipped() {
	current, skipped := j.windowAt(j.now()).Start, 0
	for _, start := range j.met {
		if start.Equal(current) {
			j.course.missed = start
			continue
		}
		skipped++
		j.Runner.Metrics.SkippedFiring(j.Task.Name())
	}
	if skipped > 0 {
		j.log.Warn("windows have passed without a run; the run before them took too long", "windows", skipped)
	}
}

// cronLogger notes skipped firings and logs panics.
type cronLogger struct {
	log     *slog.Logger
	skipped func()
}

// Info implements [cron.Logger].
func (l cronLogger) Info(msg string, _ ...any) {
	if msg == "skip" {
		l.skipped()
	}
}

// Error implements [cron.Logger].
func (l cronLogger) Error(err error, msg string, _ ...any) {
	l.log.Error("scheduling failed", "what", msg, "err", err)
}
