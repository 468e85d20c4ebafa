package rotate

import (
	"errors"
	"time"
)

// choose returns the token to push next, or nil if none may be pushed now. Retries have a
// small share of the workers, and all of them once no fresh tokens are left.
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

// probe returns the token that tests whether Zync works again. After each look at Zync it
// is a waiting token. In between it is a fresh one, one at a time.
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
		return e.hand.nextAgain(now) // the tenants fail alone: they get their tries
	}
	if !e.zync.probed && e.zync.looks > 0 {
		return e.hand.oldest()
	}
	return nil
}

// lastPush returns the next token of a run that was told to drain. It still pushes its
// fresh tokens, because they are minted already.
func (e *engine) lastPush() *token {
	if !errors.Is(e.end.why, errDrained) || e.zync.troubled() {
		return nil
	}
	return e.hand.nextFresh()
}

// noneFresh is true if no tenant is left that was not tried in this run.
func (e *engine) noneFresh() bool { return e.end.exhausted && len(e.hand.fresh) == 0 }

// mayPush is true if --push-rate lets another push begin.
func (e *engine) mayPush(now time.Time) bool {
	return e.speed.rate == nil || e.speed.rate.TokensAt(now) >= 1
}

// nextPush is when --push-rate lets the next push begin. Zero means now.
func (e *engine) nextPush(now time.Time) time.Time {
	if e.mayPush(now) {
		return time.Time{}
	}
	missing := 1 - e.speed.rate.TokensAt(now)
	return now.Add(time.Duration(missing / float64(e.speed.rate.Limit()) * float64(time.Second)))
}

// hungFor is the client's time-out, for which a push may hang.
const hungFor = 10 * time.Second

// mayTake is how long the next push of a token may take. A tenant whose push hung may
// hang again.
func (e *engine) mayTake(t *token) time.Duration {
	switch {
	case !t.slow:
		return 2 * e.speed.patience.mean
	case t.repeat:
		return repeatPatience
	}
	return hungFor
}

// patienceFor is the time limit of a push. Zero means the client's time-out.
func (e *engine) patienceFor(t *token) time.Duration {
	switch {
	case t.confirm, t.tries > 0:
		return 0
	case t.repeat:
		return repeatPatience
	}
	return e.speed.patience.limit()
}

// pushing notes that a worker has the token.
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
