package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// mostInHand limits the tokens in memory. Only a Zync that fails for tens of
	// thousands of tenants alone comes near it.
	mostInHand = 20_000
	// openEvery is how often a run that mints nothing checks that the writer is not lost.
	openEvery = 5 * time.Second
)

// startMint inserts more tokens when few fresh ones are left. It also writes the ends of
// tokens, because the writer does one thing at a time.
func (e *engine) startMint(ctx context.Context, now time.Time) {
	w := &e.work
	if w.minting || e.end.stopping || now.Before(w.trouble.tryAt) {
		return
	}
	n := e.wanted(now)
	if n == 0 && e.results.ends.len() == 0 && e.mint.begun && now.Sub(w.mintedAt) < openEvery {
		return
	}
	w.minting, w.mintedAt = true, now
	left, canary := e.results.ends, e.trial.open()
	e.results.ends = ends{}
	e.mint.plan.again = append(e.mint.plan.again, w.remint...)
	w.remint = nil
	var did minted
	var wrote ended
	e.async(func() (err error) {
		if wrote, err = e.mint.end(ctx, left); err != nil {
			return err
		}
		if canary && n > 0 {
			did, err = e.mint.canary(ctx)
			return err
		}
		did, err = e.mint.mint(ctx, n)
		return err
	}, func(err error) {
		w.minting = false
		e.writerOpened()
		e.endsWritten(wrote)
		e.mintEnded(ctx, did, n, canary, err)
	})
}

// wanted is how many tokens to mint now.
func (e *engine) wanted(now time.Time) int {
	fresh := len(e.hand.fresh) + e.work.fresh
	switch {
	case e.trial.open():
		return e.trial.wanted()
	case e.end.exhausted, e.hand.len() >= mostInHand:
		return 0
	case e.zync.troubled():
		if fresh == 0 && e.zync.mayTryFresh(now) {
			return 1
		}
		return 0
	case e.zync.doubtful():
		if len(e.hand.fresh) > 0 || fresh >= e.speed.width.limit() {
			return 0
		}
		return 1
	}
	return e.speed.pace.batch(fresh)
}

func (e *engine) mintEnded(ctx context.Context, did minted, asked int, canary bool, err error) {
	if did.tally != nil {
		e.tally.skipped(did.tally)
	}
	for _, f := range did.failures {
		e.failed(f.planned, nil, f.reason)
	}
	for _, t := range did.kept {
		e.takeInHand(t)
	}
	if !e.pass.placing {
		e.tally.minted += len(did.tokens)
		e.o.Metrics.minted.Add(float64(len(did.tokens)))
	}
	switch {
	case err == nil:
		e.work.trouble = trouble{}
	case errors.Is(err, tasks.ErrBusy), db.Definite(err):
		e.stop(err)
	case !e.end.stopping: // a mint that was cut off says nothing
		e.mintFailed(err, time.Now())
	}
	if canary {
		e.canaryMinted(ctx, did.tokens, asked, err)
		return
	}
	for _, t := range did.tokens {
		e.takeInHand(t)
	}
	if err == nil && asked > 0 {
		e.exhausted(did.ended && len(e.work.remint) == 0)
	}
}

// takeInHand takes a token that is to be pushed.
func (e *engine) takeInHand(t *token) {
	if t.repeat {
		e.hand.putBack(t)
		return
	}
	e.hand.add(t)
}

// exhausted notes whether the plan has more tenants.
func (e *engine) exhausted(is bool) {
	e.end.exhausted = is
	if !is {
		e.end.exhaustedAt = time.Time{}
	}
}

// trouble is a series of failed mints.
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
