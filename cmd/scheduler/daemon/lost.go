package daemon

import (
	"context"
	"errors"
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

// Tokens notices that MySQL has lost tokens which were delivered; see
// [rotate.Rotation.Lost].
type Tokens interface {
	Lost(ctx context.Context) (tenants []int64, err error)
	// Mend returns a task that serves these tenants anew.
	Mend(tenants []int64) tasks.Task
	// Unmended has the next look name these tenants again unless they are served
	// meanwhile.
	Unmended(tenants []int64)
	// Stranded says why tenants for whom Zync holds a placeholder need live tokens now, and
	// Recall returns a task that gives them some.
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

	recallAt time.Time // when a recall is due again that has failed for some
	recalls  int       // that have, in a row
}

// atWork is true during a look and the runs that it begins.
func (l *lookout) atWork() bool { return l.ended != nil && !closed(l.ended) }

// lookForLost looks for lost tokens if it is time to, beside the loop.
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

// recallStranded gives live tokens to tenants for whom Zync holds a placeholder that no
// gateway replaces any more. Those that fail are tried again after 1, 2, 4, 8, 16 minutes.
func (d *Daemon) recallStranded(t *term) error {
	l := &d.lookout
	ctx, cancel := context.WithTimeout(t.ctx, lookTime)
	defer cancel()
	why, err := d.o.Tokens.Stranded(ctx)
	if err != nil || why == "" || time.Now().Before(l.recallAt) {
		return err
	}
	d.o.Log.Warn("tenants for whom Zync may hold a placeholder are given live tokens now", "why", why)
	report := d.runBeside(t, d.o.Tokens.Recall())
	switch report.Outcome {
	case tasks.Success:
		l.recalls = 0
	case tasks.Partial:
		l.recalls = min(l.recalls+1, partialRetries)
		l.recallAt = time.Now().Add(partialRetry(l.recalls))
	default: // it reached nobody, or not everyone: the next look tries again
	}
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
	d.o.Log.Error("MySQL has lost tokens that were delivered: a failover, a restore, or somebody deleted them. Minting them anew",
		"tenants", len(lost), "tenant_ids", lost[:min(len(lost), 100)])
	report := d.runBeside(t, d.o.Tokens.Mend(lost))
	if report.Outcome != tasks.Success {
		d.o.Tokens.Unmended(lost) // look again in a minute
	}
	return nil
}

// runBeside runs a rotation that the schedule does not know of.
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
