package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// handful bounds the tokens that a run spends to find out whether a Zync that
// says it lives takes any: the first few tenants may each be in trouble of their
// own.
const handful = 5

// trouble is a run of failures to mint, MySQL or Redis being away.
type trouble struct {
	tries int
	since time.Time // zero while there is none
	tryAt time.Time
	said  time.Time
}

func (t *trouble) lasts(now time.Time) time.Duration {
	if t.since.IsZero() {
		return 0
	}
	return now.Sub(t.since)
}

type minted struct {
	tokens []*token
	asked  int
	ends   ends   // not written, to be tried again
	tally  *tally // of those not due
	err    error
}

// startMint inserts more tokens when those ahead of the pushes run low. What the
// run has to write besides, the ends of tokens, goes the same way: the writer
// does one thing at a time.
func (e *engine) startMint(ctx context.Context, now time.Time) {
	if e.minting || e.stopping || now.Before(e.trouble.tryAt) {
		return
	}
	n := e.wanted(now)
	if n == 0 && !e.notes.endsDue(now) {
		return
	}
	e.minting = true
	ends := e.notes.takeEnds()
	e.mint.again = append(e.mint.again, e.remint...)
	e.remint = nil
	go func() {
		m := minted{asked: n, tally: newTally()}
		m.err = tasks.Safely(func() (err error) {
			if m.ends, err = e.mint.end(ctx, ends); err != nil {
				return err
			}
			if n > 0 {
				m.tokens, err = e.mint.mint(ctx, n, m.tally)
			}
			return err
		})
		e.minted <- m
	}()
}

// wanted is how many tokens to mint now.
func (e *engine) wanted(now time.Time) int {
	if e.exhausted {
		return 0
	}
	if e.breaker.open {
		if e.probing && len(e.queue.fresh) == 0 && e.inFlight == 0 && e.queue.len() < handful {
			return 1
		}
		return 0
	}
	if e.queue.len() >= maxInHand {
		return 0
	}
	limit := e.pace.limit
	if e.breaker.failures > 0 {
		limit = max(limit, 2) // the first tenant may be in trouble of its own
	}
	n := limit - e.queue.ahead(now) - e.inFlight - len(e.breaker.tenants)
	// What is left to push, a quarter or, where Zync is fast, up to a batch, covers
	// the time that an insert takes; and batches are large.
	if n < min(max(1, limit*3/4), maxBatch) {
		return 0
	}
	return min(n, maxBatch)
}

func (e *engine) mintEnded(m minted) {
	e.notes.putBackEnds(m.ends)
	e.tally.skipped(m.tally)
	if m.err == nil {
		if e.tally.minted == 0 && len(m.tokens) > 0 {
			m.tokens[0].canary = true
		}
		e.trouble = trouble{}
		e.exhausted = e.exhausted || (m.asked > 0 && len(m.tokens) == 0)
		e.tally.minted += len(m.tokens)
		e.o.Metrics.minted.Add(float64(len(m.tokens)))
		e.queue.add(m.tokens...)
		return
	}
	if errors.Is(m.err, tasks.ErrBusy) || db.Definite(m.err) {
		e.stop(m.err)
		return
	}
	e.mintFailed(m.err, time.Now())
}

// mintFailed waits for MySQL and Redis to come back, and says so once a minute.
func (e *engine) mintFailed(err error, now time.Time) {
	t := &e.trouble
	t.tries++
	if t.since.IsZero() {
		t.since = now
	}
	t.tryAt = now.Add(backOff(t.tries))
	if t.said.IsZero() || now.Sub(t.said) >= time.Minute {
		t.said = now
		e.run.Log.Warn("nothing can be minted for now; trying again until the run must end",
			"for", now.Sub(t.since).Round(time.Second), "err", err)
	}
}
