package rotate

import (
	"context"
	"time"
)

// loop works until every tenant is served or has had its tries, or the run must end. On return,
// no mint, push or look is at work.
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

// wakeIn is how long the loop may sleep. It is a second at most, because of the notes and
// the window's end.
func (e *engine) wakeIn(now time.Time) time.Duration {
	wake := now.Add(time.Second)
	for _, at := range [...]time.Time{e.hand.wakeAt(), e.work.trouble.tryAt, e.zync.wakeAt(), e.nextPush(now)} {
		if at.After(now) && at.Before(wake) {
			wake = at
		}
	}
	return wake.Sub(now)
}

// over is true if nothing is left to do, or nothing more may be done.
func (e *engine) over() bool {
	switch {
	case !e.work.idle(), e.carrier.asking:
		return false
	case e.end.stopping:
		return e.trial.open() || e.lastPush() == nil
	}
	return e.noneFresh() && !e.trial.open() && e.hand.len() == 0 && e.results.ends.len() == 0 && !e.results.recent.pending()
}
