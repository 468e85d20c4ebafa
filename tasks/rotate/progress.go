package rotate

import (
	"context"
	"math"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// progressEvery is how often the log says how far a long run is.
const progressEvery = 10 * time.Second

// progress is what the last progress line said.
type progress struct {
	said time.Time
	done int
}

// count asks how many tenants there are.
func (e *engine) count(ctx context.Context) {
	if len(e.o.Only) > 0 {
		e.tally.total = len(e.o.Only)
		return
	}
	var n int
	e.work.counting = true
	e.async(func() (err error) {
		n, err = e.o.Tenants.Count(ctx)
		return err
	}, func(error) { // without the number, the run's length is not known in advance
		e.work.counting = false
		e.tally.total = n
	})
}

// showProgress reports how far the run is, and logs that from time to time.
func (e *engine) showProgress(now time.Time) {
	p := &e.progress
	done, failing := e.tally.tenants(), e.tally.failed+e.hand.failing()
	e.run.Progress(tasks.Progress{Done: done, Failing: failing, Total: e.tally.total})
	e.o.Metrics.during(failing)
	if now.Sub(p.said) < progressEvery {
		return
	}
	if e.zync.troubled() || !e.work.trouble.since.IsZero() {
		p.said = now // there is no progress, and the log says why
		return
	}
	rate := float64(done-p.done) / now.Sub(p.said).Seconds()
	args := []any{"done", done, "failing", failing, "rate", math.Round(rate*10) / 10}
	if total := e.tally.total; total > 0 {
		args = append(args, "of", total)
		if rate > 0 {
			left := time.Duration(float64(max(0, total-done)) / rate * float64(time.Second))
			args = append(args, "eta", left.Round(time.Second))
		}
	}
	e.run.Log.Info("rotation in progress", args...)
	p.said, p.done = now, done
}
