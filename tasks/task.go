package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// The names of the tasks, as flags, metrics and keys have them.
const (
	Rotate  = "rotate"
	Janitor = "janitor"
)

// ErrBusy says that another run of the task is at work: an outcome, no failure.
var ErrBusy = errors.New("another run of the task holds it")

// ErrInterrupted says that a run ended before it had reached everyone because it
// was told to: the program stops, or a run by hand takes precedence. It is no
// failure; what is left is served later in the window.
var ErrInterrupted = errors.New("interrupted")

// Task is a unit of work that a [Runner] runs.
type Task interface {
	Name() string
	// Nothing is the result of a run that did nothing, for its report.
	Nothing() Result
	// Run does the work of one run and returns what it did, also beside an
	// error. An error that wraps [ErrBusy] is the outcome Busy.
	Run(ctx context.Context, run Run) (Result, error)
}

// Run is what a task is told of the run that it does.
type Run struct {
	ID     string
	Window Window
	Log    *slog.Logger // carries the task and the run's ID
	// Drain is closed when the run should come to an end: begin nothing new,
	// finish what is in hand. The context ends if that takes too long.
	Drain <-chan struct{}
	// Yield is closed when a run by hand asks for the task. The run ends within a few
	// seconds and returns [ErrInterrupted].
	Yield <-chan struct{}
	// Progress is told, many times a second perhaps, how many items are done of
	// how many; zero where that is not known. It is never nil.
	Progress func(done, total int)
}

// Outcome is how a run ended.
type Outcome string

// The outcomes, in reports and as label values.
const (
	Success Outcome = "success"
	Partial Outcome = "partial" // everyone was reached and some failed, or the run was interrupted
	Failed  Outcome = "failed"  // the run could not work, or did not reach everyone
	Busy    Outcome = "busy"    // another run of the task was at work
	Skipped Outcome = "skipped" // a firing met the run before it still at work
)

// Result is what a run did, in numbers.
type Result struct {
	Counts   []Count
	Failures []Failure // the first hundred; nil for a task without single items
	Failed   int       // items that failed
	Done     int       // items that were served, now or earlier
	Complete bool      // every item was reached, served or not
	Chosen   bool      // the run was for some items by name, and says nothing of the others
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

// Report is a run's result with how it ended.
type Report struct {
	Task     string
	Outcome  Outcome
	Result   Result
	Duration time.Duration
	Err      error // the first cause, where the outcome is Failed
}

func outcome(result Result, err error) Outcome {
	switch {
	case errors.Is(err, ErrBusy):
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

// Safely runs f and returns a panic in it as an error that holds the stack. A
// goroutine that a task starts must run under it: a panic there would end the
// process and with it the work on every other tenant.
func Safely(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
