package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

var (
	// errWindowEnded says that the schedule fired again before everyone was served.
	errWindowEnded = errors.New("the window ended before every tenant was served; the next run goes on from there")
	// errDrained says that the program was told to stop.
	errDrained = errors.New("told to stop before every tenant was served; the rest is served by the next start, or by a standby")
)

// stuckAfter is for how long a daemon's run that has nothing to push may fail to
// mint. Then it ends, to be begun anew, or by a standby whose clock or network is
// better.
const stuckAfter = 5 * time.Minute

// giveUp ends a run that has lasted long enough.
func (e *engine) giveUp(now time.Time) {
	switch {
	case e.stopping:
	case e.o.RetryFor == 0 && !now.Before(e.deadline):
		e.stop(errWindowEnded)
	case e.o.RetryFor == 0:
		if e.trouble.lasts(now) >= stuckAfter && e.queue.len() == 0 && e.inFlight == 0 {
			e.stop(fmt.Errorf("nothing could be minted for %s", stuckAfter))
		}
	case e.breaker.open && now.Sub(e.breaker.since) >= e.o.RetryFor:
		e.stop(fmt.Errorf("zync has been in trouble for %s", e.o.RetryFor))
	case e.trouble.lasts(now) >= e.o.RetryFor:
		e.stop(fmt.Errorf("nothing could be minted for %s", e.o.RetryFor))
	}
}

// reckon settles, after the loop, what was not brought to an end: tokens that
// nobody can hold are deleted, and tenants that were not reached are counted.
func (e *engine) reckon(ctx context.Context) error {
	reached := e.reached()
	for _, t := range e.queue.drain() {
		reason := "not pushed before the run ended"
		if t.lastErr != nil {
			reason = t.lastErr.Error()
		}
		e.fail(t.planned, reason)
		if !t.sent {
			e.notes.discard(t.digest)
		}
	}
	e.lastNote(ctx)
	if e.unrevoked > 0 {
		return fmt.Errorf("older tokens of %d tenants that were served are not revoked", e.unrevoked)
	}
	if e.exhausted {
		e.bookmark(ctx, 0)
		return nil
	}
	e.bookmark(ctx, reached)
	hurried := errors.Is(e.stopErr, errDrained) || ctx.Err() != nil
	if others := errors.Is(e.stopErr, tasks.ErrBusy); others || hurried {
		return nil
	}
	return e.countUnreached(ctx)
}

// reached is the tenant behind which the next run has to begin: the first that
// was not tried comes after it.
func (e *engine) reached() int64 {
	switch {
	case len(e.queue.fresh) > 0:
		return e.queue.fresh[0].after
	case len(e.mint.again) > 0:
		return e.mint.again[0].after
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

// countUnreached walks what is left of the plan, so that the report's numbers
// add up and the metrics know who is at risk.
func (e *engine) countUnreached(ctx context.Context) error {
	for _, p := range slices.Concat(e.mint.again, e.remint) {
		e.tally.fail(p, unreached)
	}
	for {
		batch, err := e.mint.plan.next(ctx, pageSize, e.tally)
		for _, p := range batch {
			e.tally.fail(p, unreached)
		}
		if err != nil || len(batch) == 0 {
			return err
		}
	}
}

// logAtRisk names the tenants whose token at Zync has passed half its life without
// a successor, with how long it still lives.
func (e *engine) logAtRisk() {
	now := e.o.Now()
	risky := now.Add(-e.o.TTL / 2)
	n := e.tally.lagging.before(risky)
	if n == 0 {
		return
	}
	var ids []int64
	for _, p := range e.tally.lastServed {
		if p.served.Before(risky) {
			ids = append(ids, p.tenant.ID)
		}
	}
	args := []any{"tenants", n, "tenant_ids", ids}
	if oldest := e.tally.lagging.oldest(); !oldest.IsZero() {
		args = append(args, "first_dies_in", max(0, oldest.Add(e.o.TTL).Sub(now)).Round(time.Second))
	} else {
		args = append(args, "first_dies_in", "not known")
	}
	e.run.Log.Warn("tenants at risk: zync's token has lived for half its life or more, or its age is not known", args...)
}

const unreached = "not reached before the run ended"
