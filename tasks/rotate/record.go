package rotate

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// startNote records results in the ledger.
func (e *engine) startNote(ctx context.Context, now time.Time) {
	if e.work.noting || !e.results.notes.due(now) {
		return
	}
	e.work.noting = true
	batch, at := e.results.notes.take(), e.o.Now()
	e.async(func() error {
		return e.o.Ledger.Record(context.WithoutCancel(ctx), batch.delivered, batch.failed, at)
	}, func(err error) {
		e.work.noting = false
		if err == nil {
			return
		}
		if e.results.notes.putBack(batch); !e.tally.unrecorded {
			e.tally.unrecorded = true
			e.run.Log.Warn("deliveries can't be recorded; trying again. A restart now would rotate these tenants once more",
				"tenants", len(batch.delivered), "err", err)
		}
	})
}

// lastTries is how often a run tries to record its end, with pauses between.
const lastTries = 5

// recordRest records what is left. It tries again, because MySQL or Redis may be restarting.
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

// reached is the tenant after which the next run begins. The first tenant that was not tried
// comes after it. Zero is the beginning.
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
