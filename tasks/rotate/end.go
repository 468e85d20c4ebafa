package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

var (
	errWindowEnded = errors.New("the window ended before every tenant was served; the next run goes on from there")
	errDrained     = fmt.Errorf("%w: the program stops; the other tenants are served by the next start, or by a standby", tasks.ErrInterrupted)
	errGaveWay     = fmt.Errorf("%w: a run by hand takes precedence; this one goes on after it", tasks.ErrInterrupted)
)

const (
	// stuckAfter is for how long a daemon's run may be without a Zync or a MySQL that
	// works. Then it ends, to be tried again, or by a standby.
	stuckAfter = 5 * time.Minute
	// readOnlyFor is for how long a MySQL that takes no writes counts as one that
	// fails over.
	readOnlyFor = 30 * time.Second
	// gaveWayAfter is how long pushes may go on in a run that gives way.
	gaveWayAfter = 2 * time.Second
	// lastTries is how often a run tries to record its end, with pauses between.
	lastTries = 5
)

// trouble is a row of failures to mint.
type trouble struct {
	tries int
	since time.Time // zero while there is none
	tryAt time.Time
	said  time.Time
	err   error
}

func (t *trouble) lasts(now time.Time) time.Duration {
	if t.since.IsZero() {
		return 0
	}
	return now.Sub(t.since)
}

// mintFailed waits for MySQL and Redis to come back, and says so once a minute.
func (e *engine) mintFailed(err error, now time.Time) {
	t := &e.work.trouble
	t.tries++
	t.err = err
	if t.since.IsZero() {
		t.since = now
	}
	t.tryAt = now.Add(backOff(t.tries))
	if now.Sub(t.said) >= sayEvery {
		t.said = now
		e.run.Log.Warn("nothing can be minted; trying again", "for", t.lasts(now).Round(time.Second), "err", err)
	}
}

// stop lets nothing new begin; what is under way is waited for. The first reason
// counts.
func (e *engine) stop(why error) {
	if e.end.stopping {
		return
	}
	e.end.stopping, e.end.why = true, why
	e.end.mintNoMore()
}

// giveWay ends the run for one by hand, within a few seconds.
func (e *engine) giveWay() {
	e.run.Log.Info("giving way to a run by hand; going on after it")
	e.stop(errGaveWay)
	time.AfterFunc(gaveWayAfter, e.end.hurry)
}

// over is true if nothing is left to do, or nothing more may be done.
func (e *engine) over() bool {
	switch {
	case !e.work.idle(), e.carrier.asking:
		return false
	case e.end.stopping:
		return e.trial.open() || e.lastPush() == nil
	}
	return e.noneFresh() && !e.trial.open() && e.hand.len() == 0 && e.results.ends.len() == 0 && !e.results.recent.searched()
}

// giveUp ends the run if it has lasted long enough, and the tries of tenants that
// have had theirs.
func (e *engine) giveUp(now time.Time) {
	if e.noneFresh() && e.end.exhaustedAt.IsZero() {
		e.end.exhaustedAt = now
	}
	patience := stuckAfter
	if e.o.RetryFor > 0 {
		patience = e.o.RetryFor
	}
	t := &e.work.trouble
	switch {
	case e.end.stopping:
		return
	case e.o.RetryFor == 0 && !now.Before(e.end.deadline):
		e.stop(errWindowEnded)
	case e.zyncFails() && now.Sub(later(e.zync.since, e.tally.began)) >= patience:
		e.stop(fmt.Errorf("%w for %s: %s", errTrouble, e.zync.lasts(now).Round(time.Second), e.zync.reason))
	case t.lasts(now) >= patience, db.ReadOnly(t.err) && t.lasts(now) >= readOnlyFor:
		e.stop(fmt.Errorf("nothing could be minted for %s: %w", t.lasts(now).Round(time.Second), t.err))
	}
	for _, t := range e.hand.expire(func(t *token) bool { return e.hadItsTries(t, now) }) {
		e.giveUpOn(t)
	}
}

// finish settles what the loop has left: tokens in hand are kept for a later run or
// deleted, results are recorded, and tenants that were not reached are counted.
func (e *engine) finish(ctx context.Context, err error) (tasks.Result, error) {
	if errors.Is(err, errWithheld) {
		e.abandon(ctx)
		return e.tally.result(), err
	}
	reached := e.reached()
	for _, t := range e.hand.drain() {
		e.leave(t)
	}
	e.recordRest(ctx)
	e.bookmark(ctx, reached)
	if n := len(e.tally.unrevoked); n > 0 {
		err = errors.Join(err, fmt.Errorf("the older tokens of %d tenants are not revoked: run --revoke again with --tenant for %v", n, e.tally.unrevoked[:min(n, maxFailures)]))
	}
	complete := e.end.exhausted && err == nil
	switch {
	case complete:
		if err = e.countAll(ctx); err != nil {
			complete = false
		}
	case ctx.Err() == nil && !errors.Is(err, tasks.ErrInterrupted) && !errors.Is(err, tasks.ErrBusy):
		e.countUnreached(ctx)
		if n := e.tally.unreached; n > 0 && err != nil {
			err = fmt.Errorf("%d tenants were not reached: %w", n, err)
		}
	}
	result := e.tally.result()
	result.Complete, result.Chosen = complete, len(e.o.Only) > 0
	if complete && !result.Chosen {
		e.mint.memory.forget(e.run.Window.Start)
	}
	e.o.Metrics.ended(e.tally, complete && !result.Chosen)
	return result, err
}

// leave settles a token that was not delivered.
func (e *engine) leave(t *token) {
	switch {
	case t.confirm:
		e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
	case t.tries > 0 && !errors.Is(e.end.why, errGaveWay):
		e.giveUpOn(t)
	default:
		e.tally.unreach(t.planned)
		if t.placeholder {
			return
		}
		if e.keepsTokens() {
			e.mint.memory.keep(t, e.run.Window.Start)
		} else if !t.sent {
			e.results.ends.discards = append(e.results.ends.discards, t.digest)
		}
	}
}

// keepsTokens is true if a later run of this process can push what is in hand.
func (e *engine) keepsTokens() bool { return e.o.RetryFor == 0 && !errors.Is(e.end.why, errDrained) }

// recordRest records what is left, and tries again if MySQL or Redis restart just
// now.
func (e *engine) recordRest(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	var noteErr, endErr error
	for try := 1; try <= lastTries; try++ {
		e.run.Step()
		if e.results.notes.len() > 0 {
			batch := e.results.notes.take()
			if noteErr = e.o.Ledger.Record(ctx, batch.delivered, batch.failed, e.o.Now()); noteErr != nil {
				e.results.notes.putBack(batch)
			}
		}
		if e.results.ends.len() > 0 {
			var wrote ended
			wrote, endErr = e.mint.end(ctx, e.results.ends)
			e.results.ends = wrote.left
			for _, t := range slices.Concat(wrote.spared, wrote.behind) {
				e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
			}
		}
		if (e.results.notes.len() == 0 && e.results.ends.len() == 0) || errors.Is(endErr, tasks.ErrBusy) || try == lastTries {
			break
		}
		time.Sleep(backOff(try) / 2)
	}
	if n := len(e.results.notes.delivered); n > 0 {
		e.run.Log.Warn("deliveries not recorded; the next run serves these tenants once more", "tenants", n, "err", noteErr)
	}
	if n := len(e.results.ends.discards); n > 0 {
		e.run.Log.Warn("refused tokens not deleted; they expire by themselves", "tokens", n, "err", endErr)
	}
	for _, t := range e.results.ends.revokes {
		e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
	}
}

// reached is the tenant behind which the next run begins: the first that was not
// tried comes after it. Zero is the beginning.
func (e *engine) reached() int64 {
	switch {
	case e.end.place != 0:
		return e.end.place
	case e.end.exhausted:
		return 0
	case len(e.hand.fresh) > 0:
		return e.hand.fresh[0].after
	case len(e.mint.plan.again) > 0:
		return e.mint.plan.again[0].after
	}
	return e.mint.plan.last
}

func (e *engine) bookmark(ctx context.Context, id int64) {
	if len(e.o.Only) > 0 || id == e.mint.plan.begunAt {
		return
	}
	if err := e.o.Bookmark.RecordResume(context.WithoutCancel(ctx), id); err != nil {
		e.run.Log.Warn("place not recorded; the next run begins at the first tenant", "err", err)
	}
}

// countUnreached walks what is left of the plan, so that the report's numbers add
// up.
func (e *engine) countUnreached(ctx context.Context) {
	for _, p := range slices.Concat(e.mint.plan.again, e.work.remint) {
		e.tally.unreach(p)
	}
	e.mint.plan.again = nil
	for {
		batch, err := e.mint.plan.next(ctx, pageSize, e.tally)
		for _, p := range batch {
			e.tally.unreach(p)
		}
		if err != nil || len(batch) == 0 {
			return // MySQL or Redis is away; the run's error says so
		}
	}
}

// countAll compares what the run met with what MySQL counts. A server that cuts
// lists short, or a row that no list holds, must not pass for a success.
func (e *engine) countAll(ctx context.Context) error {
	if len(e.o.Only) > 0 {
		return nil
	}
	now, err := e.o.Tenants.Count(ctx)
	if err != nil {
		return fmt.Errorf("count the tenants at the run's end: %w", err)
	}
	before := e.tally.total
	if before == 0 {
		before = now
	}
	met := e.tally.tenants()
	if met < min(before, now) || met > max(before, now) {
		return fmt.Errorf("the run met %d tenants, and MySQL counts %d: some were left out or met twice; run --check", met, now)
	}
	return nil
}
