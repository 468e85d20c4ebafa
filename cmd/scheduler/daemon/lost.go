package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// lookEvery is how often a leader looks whether MySQL still has the tokens that
	// were delivered.
	lookEvery = time.Minute
	// lookTime limits one look, and the comparison that may follow.
	lookTime = 5 * time.Minute
)

// Tokens notices when MySQL has lost delivered tokens; see [rotate.Rotation.Lost].
type Tokens interface {
	Lost(ctx context.Context) (tenants []int64, err error)
	// Mend returns a task that serves these tenants again.
	Mend(tenants []int64) tasks.Task
	// Unmended makes the next look return these tenants again unless they are served
	// meanwhile.
	Unmended(tenants []int64)
	// Stranded says why tenants for which Zync holds a placeholder need live tokens now.
	// Recall returns a task that gives them tokens.
	Stranded(ctx context.Context) (why string, err error)
	Recall() tasks.Task
	// MayBeOut tells whether Zync may hold placeholders, as far as this process knows.
	MayBeOut() bool
}

// lookout is when a leader looks for lost tokens.
type lookout struct {
	at     time.Time     // of the last look
	ended  chan struct{} // closed when that look has ended; nil before the first
	unsure *rate.Sometimes

	recall, mend again
	mended       []int64 // the tenants of the last mend
}

// again is when a run besides the schedule's is tried again after it failed for some tenants:
// after 1, 2, 4, 8, 16 minutes, and then each 16 minutes. Without these pauses it would use
// up the tokens that may be minted for a tenant in a window.
type again struct {
	at    time.Time
	times int // that it has failed, in a row
}

func (a *again) ended(outcome tasks.Outcome) {
	switch outcome {
	case tasks.Success:
		*a = again{}
	case tasks.Partial:
		a.times = min(a.times+1, partialRetries)
		a.at = time.Now().Add(partialRetry(a.times))
	default: // it reached nobody, or not everyone: the next look tries again
	}
}

func (a *again) waits() bool { return time.Now().Before(a.at) }

// atWork is true during a look and the runs that it begins.
func (l *lookout) atWork() bool { return l.ended != nil && !closed(l.ended) }

// lookForLost looks for lost tokens beside the loop, once in lookEvery.
func (d *Daemon) lookForLost(t *term) {
	l := &d.lookout
	if d.o.Tokens == nil || d.rotate.atWork() || time.Since(l.at) < lookEvery || l.atWork() {
		return
	}
	l.at, l.ended = time.Now(), make(chan struct{})
	ended := l.ended
	t.work.Go(func() {
		defer close(ended)
		err := tasks.Safely(func() error { return errors.Join(d.recallStranded(t), d.mendLost(t)) })
		if err != nil {
			l.unsure.Do(func() {
				d.o.Log.Warn("not known whether Zync holds tokens that Porta accepts; asking again", "err", err)
			})
		}
	})
}

// recallStranded gives live tokens to tenants whose placeholders no gateway replaces any
// more.
func (d *Daemon) recallStranded(t *term) error {
	l := &d.lookout
	ctx, cancel := context.WithTimeout(t.ctx, lookTime)
	defer cancel()
	why, err := d.o.Tokens.Stranded(ctx)
	if err != nil || why == "" || l.recall.waits() {
		return err
	}
	d.o.Log.Warn("tenants for whom Zync may hold a placeholder are given live tokens now", "why", why)
	l.recall.ended(d.runBeside(t, d.o.Tokens.Recall()).Outcome)
	return nil
}

// mendLost gives new tokens to the tenants whose delivered ones are gone.
func (d *Daemon) mendLost(t *term) error {
	ctx, cancel := context.WithTimeout(t.ctx, lookTime)
	defer cancel()
	lost, err := d.o.Tokens.Lost(ctx)
	if err != nil || len(lost) == 0 {
		return err
	}
	l := &d.lookout
	if l.mend.waits() && !slices.ContainsFunc(lost, func(id int64) bool { return !slices.Contains(l.mended, id) }) {
		d.o.Tokens.Unmended(lost)
		return nil
	}
	d.o.Log.Error("MySQL has lost tokens that were delivered: a failover, a restore, or somebody deleted them. Minting them anew",
		"tenants", len(lost), "tenant_ids", lost[:min(len(lost), 100)])
	report := d.runBeside(t, d.o.Tokens.Mend(lost))
	l.mended = lost
	l.mend.ended(report.Outcome)
	if report.Outcome != tasks.Success {
		d.o.Tokens.Unmended(lost)
	}
	return nil
}

// runBeside runs a rotation besides the schedule's.
func (d *Daemon) runBeside(t *term, task tasks.Task) tasks.Report {
	report := d.rotate.Runner.Run(t.ctx, task, d.rotate.Schedule.Window(d.o.Now()), t.drain)
	if report.Result.Done > 0 {
		d.rotate.reached()
	}
	if errors.Is(report.Err, tasks.ErrHung) {
		d.rotate.abandoned()
	}
	return report
}
