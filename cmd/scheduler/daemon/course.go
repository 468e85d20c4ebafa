package daemon

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// cronGrace is how long cron has to start a window's run. After that the loop
	// starts it, because the clock was set.
	cronGrace = 2 * time.Second
	// busyRetry is the longest time between two tries while another run of the task
	// is at work.
	busyRetry = 2 * time.Second
	// A run that did not reach everyone is tried again after firstRetry, then after
	// twice as long, and so on to longestRetry.
	firstRetry   = 5 * time.Second
	longestRetry = time.Minute
	// A run that reached everyone, and failed for some, is tried again after
	// firstPartialRetry, then after twice as long, and so on: partialRetries times in
	// a window.
	firstPartialRetry = time.Minute
	partialRetries    = 5
)

// course is the results of a job's runs, and when the next run is due. It gets the time as
// two arguments: wall, for windows, and the monotonic clock, for durations.
type course struct {
	served   time.Time // start of the last window that needs no further run
	window   time.Time // start of the window of the last run; zero before the first
	missed   time.Time // start of a window whose firing met a run still at work
	retryAt  time.Time // when the last run's window is due again, by the clock
	failures int       // runs in a row, in that window, that did not reach everyone
	partials int       // runs in that window that did, and failed for some
	// complete is when the last run began that reached everyone; zero if not known.
	complete time.Time
	// noted is when complete was noted, by the clock.
	noted time.Time
	// success is when the last run began that reached everyone without failures.
	success time.Time
	// nobodySince is when runs began to reach nobody, by the clock; zero if the last
	// one reached somebody.
	nobodySince time.Time
	// reached is when a run last ended that reached somebody, by the clock.
	reached time.Time
}

// due is true if a run should begin now in window. A window other than the one last
// served is due, also an earlier one: the clock was set back.
func (c *course) due(window tasks.Window, wall, clock time.Time) bool {
	switch {
	case window.Start.Equal(c.served):
		return false
	case window.Start.Equal(c.window):
		return !clock.Before(c.retryAt)
	case window.Start.Equal(c.missed):
		return true
	case c.window.IsZero() && c.served.IsZero():
		return true // the leadership begins
	}
	return wall.Sub(window.Start) >= cronGrace
}

// ended notes a run of window that began at a time, and has ended now.
func (c *course) ended(window tasks.Window, report tasks.Report, began, clock time.Time) {
	if !window.Start.Equal(c.window) {
		c.window, c.failures, c.partials = window.Start, 0, 0
	}
	if report.Result.Done > 0 {
		c.nobodySince, c.reached = time.Time{}, clock
	}
	switch complete := report.Err == nil && report.Result.Complete; {
	case report.Outcome == tasks.Busy, errors.Is(report.Err, tasks.ErrInterrupted):
		c.retryAt = clock.Add(busyRetry/2 + rand.N(busyRetry/2))
	case complete && report.Result.Failed == 0:
		c.served, c.complete, c.noted, c.success, c.nobodySince = window.Start, began, clock, began, time.Time{}
	case complete:
		c.complete, c.noted, c.nobodySince, c.failures = began, clock, time.Time{}, 0
		c.partials++
		c.retryAt = clock.Add(partialRetry(c.partials))
		if c.partials > partialRetries {
			c.served = window.Start
		}
	default:
		c.failures++
		c.retryAt = clock.Add(retry(c.failures))
		if report.Result.Done == 0 && c.nobodySince.IsZero() {
			c.nobodySince = clock
		}
	}
}

// retry doubles with each failure. Half of it is random.
func retry(failures int) time.Duration {
	wait := longestRetry
	if failures <= 4 {
		wait = min(wait, firstRetry<<(failures-1))
	}
	return wait/2 + rand.N(wait/2)
}

// partialRetry doubles with each run. A tenth of it is random.
func partialRetry(partials int) time.Duration {
	wait := firstPartialRetry << (partials - 1)
	return wait + rand.N(wait/10)
}
