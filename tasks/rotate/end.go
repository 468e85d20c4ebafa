package rotate

import (
	"context"
	"errors"
	"fmt"
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
	// stuckAfter is how long Zync or MySQL may fail before a daemon's run ends. It is tried
	// again later, maybe by a standby.
	stuckAfter = 5 * time.Minute
	// readOnlyFor is how long MySQL may refuse writes before the run ends. A failover takes
	// less time.
	readOnlyFor = 30 * time.Second
	// gaveWayAfter is how long pushes may go on in a run that gives way.
	gaveWayAfter = 2 * time.Second
)

// stop makes the run begin nothing new and wait for what is at work. The first reason
// counts.
func (e *engine) stop(why error) {
	if e.end.stopping {
		return
	}
	e.end.stopping, e.end.why = true, why
	e.end.mintNoMore()
}

// giveWay ends the run within a few seconds, so that a run by hand can begin.
func (e *engine) giveWay() {
	e.run.Log.Info("giving way to a run by hand; going on after it")
	e.stop(errGaveWay)
	time.AfterFunc(gaveWayAfter, e.end.hurry)
}

// giveUp ends the run when its time is over, and gives up the tenants that have had their
// tries.
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

// finish completes the run after the loop: it keeps tokens in hand for a later run or
// deletes them, records the results, and counts the tenants that were not reached.
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
	case ctx.Err() == nil && !errors.Is(err, tasks.ErrInterrupted) && (e.tally.changed() || !errors.Is(err, tasks.ErrBusy)):
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

// leave decides what happens to a token that was not delivered.
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
