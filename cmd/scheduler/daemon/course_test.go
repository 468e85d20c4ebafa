package daemon

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

var (
	errBoom  = errors.New("boom")
	success  = tasks.Report{Outcome: tasks.Success, Result: tasks.Result{Done: 9, Complete: true}}
	partial  = tasks.Report{Outcome: tasks.Partial, Result: tasks.Result{Done: 8, Failed: 1, Complete: true}}
	noneDone = tasks.Report{Outcome: tasks.Partial, Result: tasks.Result{Failed: 9, Complete: true}}
	unfinish = tasks.Report{Outcome: tasks.Failed, Result: tasks.Result{Done: 8}, Err: errBoom}
	nothing  = tasks.Report{Outcome: tasks.Failed, Err: errBoom}
	gaveWay  = tasks.Report{Outcome: tasks.Partial, Err: fmt.Errorf("%w: by hand", tasks.ErrInterrupted)}
	fenced   = tasks.Report{Outcome: tasks.Busy, Result: tasks.Result{Done: 3}, Err: tasks.ErrBusy} // after a part of the work
	busy     = tasks.Report{Outcome: tasks.Busy, Err: tasks.ErrBusy}
)

// within checks a wait against its bounds; none is for "not again in this window".
func within(t *testing.T, name string, wait, least, most time.Duration) {
	t.Helper()
	if wait < least || wait > most {
		t.Errorf("%s: again after %s, want %s to %s", name, wait, least, most)
	}
}

const none = -time.Second

// waits returns after how long the window is due again, after each of the reports.
func waits(c *course, window tasks.Window, reports ...tasks.Report) (waits []time.Duration) {
	clock := window.Start
	for _, report := range reports {
		c.ended(window, report, clock, clock)
		wait := none
		for w := time.Duration(0); w < 30*time.Minute; w += 100 * time.Millisecond {
			if c.due(window, clock.Add(w), clock.Add(w)) {
				wait = w
				break
			}
		}
		waits = append(waits, wait)
		clock = clock.Add(max(wait, 0))
	}
	return waits
}

func TestWhenARunIsTriedAgain(t *testing.T) {
	start := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	window := tasks.Window{Start: start, End: start.Add(10 * time.Hour)}
	minutes := func(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }
	for name, c := range map[string]struct {
		reports []tasks.Report
		least   []time.Duration // and at most twice that
	}{
		"served":             {[]tasks.Report{success}, []time.Duration{none}},
		"partial":            {[]tasks.Report{partial, partial, partial, partial, partial, partial}, []time.Duration{minutes(1), minutes(2), minutes(4), minutes(8), minutes(16), none}},
		"partial, then fine": {[]tasks.Report{partial, success}, []time.Duration{minutes(1), none}},
		"all failed":         {[]tasks.Report{noneDone}, []time.Duration{minutes(1)}},
		"failed":             {[]tasks.Report{nothing, nothing, nothing, nothing, nothing, nothing}, []time.Duration{minutes(2.5 / 60), minutes(5. / 60), minutes(10. / 60), minutes(20. / 60), minutes(.5), minutes(.5)}},
		"not all reached":    {[]tasks.Report{unfinish, partial}, []time.Duration{minutes(2.5 / 60), minutes(1)}},
		"gave way":           {[]tasks.Report{gaveWay, busy, busy, success}, []time.Duration{time.Second, time.Second, time.Second, none}},
	} {
		for i, wait := range waits(&course{}, window, c.reports...) {
			most := 2*c.least[i] + 100*time.Millisecond
			if c.least[i] == none {
				most = none
			}
			within(t, fmt.Sprintf("%s, run %d", name, i), wait, c.least[i], most)
		}
	}
}

// TestTheNextWindowBeginsAtOnce: back-off and retries belong to their window.
func TestTheNextWindowBeginsAtOnce(t *testing.T) {
	start := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	window := tasks.Window{Start: start, End: start.Add(time.Hour)}
	next := tasks.Window{Start: window.End, End: window.End.Add(time.Hour)}
	for name, report := range map[string]tasks.Report{"failed": nothing, "partial": partial, "not all reached": unfinish} {
		var c course
		for range 5 {
			c.ended(window, report, start, window.End)
		}
		c.missed = next.Start // its firing met the last of those runs
		if !c.due(next, next.Start, next.Start) {
			t.Errorf("%s: the next window has to wait", name)
		}
		c.ended(next, report, next.Start, next.Start)
		if wait := waits(&course{}, next, report)[0]; !c.due(next, next.Start.Add(2*wait+time.Second), next.Start.Add(2*wait+time.Second)) {
			t.Errorf("%s: the next window's back-off is the old one's", name)
		}
	}
}

func TestWhoReachesNobody(t *testing.T) {
	start := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	window := tasks.Window{Start: start, End: start.Add(time.Hour)}
	for name, c := range map[string]struct {
		report           tasks.Report
		nobody, complete bool
	}{
		"success": {success, false, true}, "partial": {partial, false, true}, "all failed": {noneDone, false, true},
		"not all reached": {unfinish, false, false}, "nobody": {nothing, true, false}, "busy": {busy, true, false}, "fenced": {fenced, false, false}, "gave way": {gaveWay, true, false},
	} {
		course := course{nobodySince: start}
		course.ended(window, c.report, start, start.Add(time.Minute))
		if got := !course.nobodySince.IsZero(); got != c.nobody {
			t.Errorf("%s: reaches nobody is %t, want %t", name, got, c.nobody)
		}
		if got := !course.complete.IsZero(); got != c.complete {
			t.Errorf("%s: complete is %t, want %t", name, got, c.complete)
		}
	}
}
