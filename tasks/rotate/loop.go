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
	// hungFor is the client's time-out, for which a push may hang.
	hungFor = 10 * time.Second
	// openEvery is how often a run that mints nothing sees to it that the writer is
	// not lost.
	openEvery = 5 * time.Second
)

// loop works until every tenant is served or has had its tries, or the run must
// end. On return nothing of it is under way.
func (e *engine) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	minting, mintNoMore := context.WithCancel(ctx)
	defer mintNoMore()
	e.end.hurry, e.end.mintNoMore = cancel, mintNoMore
	e.startWorkers(ctx)
	defer close(e.work.jobs)
	e.count(minting)
	ended := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !e.over() {
		now := time.Now()
		e.giveUp(now)
		e.showProgress(now)
		e.startMint(minting, now)
		e.startNote(ctx, now)
		e.startLook(ctx, now)
		e.lookForRecent(ctx, now)
		e.askForGateways(ctx, now)
		next := e.choose(now)
		var jobs chan<- *token
		if next != nil {
			next.limit, jobs = e.patienceFor(next), e.work.jobs
		}
		timer.Reset(e.wakeIn(now))
		select {
		case jobs <- next:
			e.pushing(next, now)
		case p := <-e.work.pushed:
			e.run.Step()
			e.settle(p)
			for range len(e.work.pushed) { // results that came meanwhile
				e.settle(<-e.work.pushed)
			}
		case apply := <-e.work.done:
			e.run.Step()
			apply()
		case <-e.end.drain:
			e.end.drain = nil
			e.stop(errDrained)
		case <-e.end.yield:
			e.end.yield = nil
			e.giveWay()
		case <-ended:
			ended = nil
			e.stop(context.Cause(ctx))
		case <-timer.C:
		}
	}
	return e.end.why
}

// choose returns the token to push next; nil if none is to be pushed now. Tokens
// that are tried again have a small share of the workers, and all of them once no
// fresh ones are left.
func (e *engine) choose(now time.Time) *token {
	workers := e.speed.width.limit()
	if e.trial.open() || e.work.pushes() >= workers || !e.mayPush(now) {
		return nil
	}
	if e.end.stopping {
		return e.lastPush()
	}
	if e.zync.troubled() {
		return e.probe(now)
	}
	if t := e.hand.nextAgain(now); t != nil && (e.noneFresh() || e.speed.share.allows(e.mayTake(t), now, workers)) {
		return t
	}
	return e.hand.nextFresh()
}

// mayTake is how long the next push of a token may take: a tenant that hung may hang
// again.
func (e *engine) mayTake(t *token) time.Duration {
	switch {
	case !t.slow:
		return 2 * e.speed.patience.mean
	case t.repeat:
		return repeatPatience
	}
	return hungFor
}

// noneFresh is true if no tenant is left that was not tried in this run.
func (e *engine) noneFresh() bool { return e.end.exhausted && len(e.hand.fresh) == 0 }

// probe returns the token with which to find out whether Zync's trouble is over:
// after each look at Zync one that waits, and in between, one at a time, fresh ones.
func (e *engine) probe(now time.Time) *token {
	if e.work.fresh == 0 && e.zync.mayTryFresh(now) {
		if t := e.hand.nextFresh(); t != nil {
			return t
		}
	}
	if e.work.again > 0 {
		return nil
	}
	if !e.zyncFails() {
		return e.hand.nextAgain(now) // tenants that fail alone have their tries
	}
	if !e.zync.probed && e.zync.looks > 0 {
		return e.hand.oldest()
	}
	return nil
}

// lastPush returns what a run that was told to drain still pushes: its fresh tokens,
// so that they were not minted in vain.
func (e *engine) lastPush() *token {
	if !errors.Is(e.end.why, errDrained) || e.zync.troubled() {
		return nil
	}
	return e.hand.nextFresh()
}

// mayPush is true if --push-rate lets another push begin.
func (e *engine) mayPush(now time.Time) bool {
	return e.speed.rate == nil || e.speed.rate.TokensAt(now) >= 1
}

// pushing notes that a token is with a worker.
func (e *engine) pushing(t *token, now time.Time) {
	e.hand.take(t)
	if e.speed.rate != nil {
		e.speed.rate.AllowN(now, 1)
	}
	if t.triedAgain() {
		e.work.again++
		e.speed.share.busy++
		e.zync.probed = true
		return
	}
	e.work.fresh++
	if e.zync.troubled() {
		e.zync.tryingFresh(now)
	}
}

// startMint inserts more tokens when the fresh ones run low. The ends of tokens are
// written on the same occasion: the writer does one thing at a time.
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
	case !e.end.stopping: // a mint that was hurried says nothing
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

// exhausted notes whether the plan has more tenants.
func (e *engine) exhausted(is bool) {
	e.end.exhausted = is
	if !is {
		e.end.exhaustedAt = time.Time{}
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

// startLook asks a Zync in trouble whether it is up, and repeats in the log that it
// is in trouble.
func (e *engine) startLook(ctx context.Context, now time.Time) {
	h := e.zync
	if !h.mayLook(now) || e.work.looking || e.end.stopping {
		return
	}
	if now.Sub(h.said) >= sayEvery {
		h.said = now
		e.run.Log.Warn("zync is still in trouble; nothing is minted until a push succeeds",
			"for", h.lasts(now).Round(time.Second), "tokens_in_hand", e.hand.len(), "err", h.reason)
	}
	e.work.looking = true
	e.async(func() error { return e.o.Zync.Alive(ctx) }, func(err error) {
		e.work.looking = false
		if !h.troubled() {
			return
		}
		if was := h.alive; h.looked(err, time.Now()) && !was {
			e.triesBeginAnew()
		}
	})
}

// sayEvery is how often the log repeats what lasts.
const sayEvery = time.Minute

// wakeIn is how long the loop may sleep: a second at most, for the notes and the
// window's end.
func (e *engine) wakeIn(now time.Time) time.Duration {
	wake := now.Add(time.Second)
	for _, at := range [...]time.Time{e.hand.wakeAt(), e.work.trouble.tryAt, e.zync.wakeAt(), e.nextPush(now)} {
		if at.After(now) && at.Before(wake) {
			wake = at
		}
	}
	return wake.Sub(now)
}

// nextPush is when --push-rate lets the next push begin; zero for now.
func (e *engine) nextPush(now time.Time) time.Time {
	if e.mayPush(now) {
		return time.Time{}
	}
	missing := 1 - e.speed.rate.TokensAt(now)
	return now.Add(time.Duration(missing / float64(e.speed.rate.Limit()) * float64(time.Second)))
}

// patienceFor is how long a push is waited for; zero is as long as any.
func (e *engine) patienceFor(t *token) time.Duration {
	switch {
	case t.confirm, t.tries > 0:
		return 0
	case t.repeat:
		return repeatPatience
	}
	return e.speed.patience.limit()
}
