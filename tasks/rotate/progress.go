package rotate

import (
	"math"
	"time"
)

// progressEvery is how often a long run says how far it is.
const progressEvery = 10 * time.Second

// progress is what the last progress line said.
type progress struct {
	total int // tenants; zero where that is not known
	began time.Time
	said  time.Time
	done  int
}

func newProgress(now time.Time) progress { return progress{began: now, said: now} }

// showProgress tells who follows the run how far it is, and every now and then
// the log.
func (e *engine) showProgress(now time.Time) {
	p := &e.progress
	done := e.tally.delivered + e.tally.already + e.tally.noOwner + e.tally.failed
	e.run.Progress(done, p.total)
	if now.Sub(p.said) < progressEvery {
		return
	}
	if e.breaker.open || !e.trouble.since.IsZero() {
		p.said = now // there is none, and the log says why
		return
	}
	rate := float64(done-p.done) / now.Sub(p.said).Seconds()
	args := []any{"done", done, "rate", math.Round(rate*10) / 10}
	if p.total > 0 {
		args = append(args, "of", p.total)
		if rate > 0 {
			eta := time.Duration(float64(max(0, p.total-done)) / rate * float64(time.Second))
			args = append(args, "eta", eta.Round(time.Second))
		}
	}
	e.run.Log.Info("rotation in progress", args...)
	p.said, p.done = now, done
}
