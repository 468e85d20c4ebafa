package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// The names of the tasks, as they are in flags, metrics and keys.
const (
	Rotate  = "rotate"
	Janitor = "janitor"
)

// ErrBusy means that another run of the task is at work. It is an outcome and not a
// failure.
var ErrBusy = errors.New("another run of the task is at work")

// ErrInterrupted means that a run was told to end before it had reached everyone: the
// program stops, or a run by hand takes precedence. It is not a failure. The others are
// served later in the window.
var ErrInterrupted = errors.New("interrupted")

// Task is a unit of work that a [Runner] runs.
type Task interface {
	Name() string
	// Nothing is the result of a run that did nothing, for its report.
	Nothing() Result
	// Run does the work of one run. It returns what it did, also together with an
	// error. An error that wraps [ErrBusy] gives the outcome Busy, if nothing was written.
	Run(ctx context.Context, run Run) (Result, error)
}

// Run is what a task knows about its run.
type Run struct {
	ID     string
	Window Window
	Log    *slog.Logger // carries the task and the run's ID
	// Drain is closed when the run should end: begin nothing new, finish what has
	// begun. If that takes too long, the context ends.
	Drain <-chan struct{}
	// Yield is closed when a run by hand asks for the task. The run ends within a few
	// seconds and returns [ErrInterrupted].
	Yield <-chan struct{}
	// Progress is called, often many times a second, with how far the run is. It is never
	// nil.
	Progress func(Progress)

	dry   bool   // nothing is to be written
	steps *steps // see [Run.Step]
}

// Progress is how far a run is.
type Progress struct {
	Done    int // items that are finished, served or not
	Failing int // items that failed, including those that are tried again in this run
	Total   int // zero if it is not known
}

// Outcome is how a run ended.
type Outcome string

// The outcomes, in reports and as label values.
const (
	Success Outcome = "success"
	Partial Outcome = "partial" // everyone was reached and some failed, or the run was interrupted
	Failed  Outcome = "failed"  // the run could not work, or did not reach everyone
	Busy    Outcome = "busy"    // another run of the task was at work
	Skipped Outcome = "skipped" // a window passed while an earlier run was at work
)

// Result is what a run did, in numbers.
type Result struct {
	Counts   []Count
	Failures []Failure // the first hundred; nil if the task has no items
	Failed   int       // items that failed
	Done     int       // items that were served, now or earlier
	Complete bool      // every item was reached, served or not
	Chosen   bool      // the run was for named items only
	Changed  bool      // something was written, so the run is not one that did nothing
}

// Count is one number of a report. Reports list them in their order.
type Count struct {
	Name string
	N    int
}

// Failure is why one tenant was not served.
type Failure struct {
	TenantID int64  `json:"tenant_id"`
	Error    string `json:"error"`
}

// Report is the result of a run, and how it ended.
type Report struct {
	Task     string
	Outcome  Outcome
	Result   Result
	Duration time.Duration
	Err      error // the first cause, if the outcome is Failed
	DryRun   bool  // nothing was written; the numbers are what would be done
}

func outcome(result Result, err error) Outcome {
	switch {
	case errors.Is(err, ErrBusy) && !result.Changed:
		return Busy
	case errors.Is(err, ErrInterrupted):
		return Partial
	case err != nil:
		return Failed
	case result.Failed > 0:
		return Partial
	}
	return Success
}

// Safely runs f and returns a panic in it as an error with the stack. Each goroutine
// that a task starts must use it: otherwise a panic ends the process, and the work for
// all other tenants.
func Safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
