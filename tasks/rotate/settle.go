package rotate

import (
	"errors"
	"time"

	"github.com/token-scheduler/token-scheduler/zync"
)

const (
	// tries is how many pushes a tenant has in one run of the daemon, and triesWithin
	// how long after the first. One that failed in an earlier run has one.
	tries       = 3
	triesWithin = 45 * time.Second
	// confirmAfter is how long after a delivery the token is pushed once more, before
	// the tenant's younger tokens may be revoked.
	confirmAfter = 30 * time.Second
)

// settle decides what follows from a push.
func (e *engine) settle(p pushed) {
	t := p.token
	again := t.triedAgain()
	e.pushEnded(p, again)
	if p.looked {
		t.epoch = int(e.results.recent.epoch.Load())
	}
	switch {
	case p.gone:
		e.zync.notAsked()
		e.again(t.planned)
		return
	case p.unsure:
		e.zync.notAsked()
		t.notBefore = time.Now().Add(firstWait)
		e.hand.putBack(t)
		return
	}
	e.o.Metrics.pushed(p.answer.Class, p.took)
	wasSent := t.sent
	t.sent = t.sent || p.answer.Sent
	t.tries++
	if p.answer.Err != nil {
		t.reason = e.o.reason(p.answer.Err)
	}
	switch p.answer.Class {
	case zync.Delivered:
		e.zyncAnswered()
		e.measure(p, again)
		e.delivered(t)
	case zync.Invalid:
		e.zyncAnswered()
		e.refused(t, wasSent)
	case zync.Rejected:
		e.refused(t, wasSent)
		e.stop(p.answer.Err)
	case zync.Transient:
		e.tryLater(p, again)
	}
}

// pushEnded notes that a worker is free again, and what time it spent on a tenant
// in trouble.
func (e *engine) pushEnded(p pushed, again bool) {
	if !again {
		e.work.fresh--
		if p.answer.Class == zync.Transient {
			e.speed.share.spent += p.took
		}
		return
	}
	e.work.again--
	e.speed.share.busy--
	e.speed.share.spent += p.took
}

// measure learns from a delivery how fast Zync is.
func (e *engine) measure(p pushed, again bool) {
	now := time.Now()
	e.speed.pace.delivered(now, e.speed.width.limit())
	e.speed.width.took(p.took, now)
	e.speed.patience.took(p.took)
	if !again {
		e.speed.patience.tried(false)
	}
}

func (e *engine) delivered(t *token) {
	if t.confirm {
		e.results.ends.revokes = append(e.results.ends.revokes, t)
		return
	}
	at := e.o.Now()
	e.tally.deliver(at)
	e.results.notes.deliver(t.tenant.ID, e.delivery(t, at))
	e.mint.memory.served(t.tenant.ID)
	if !t.placeholder {
		e.results.recent.add(t)
	}
	if e.o.Revoke {
		e.results.ends.revokes = append(e.results.ends.revokes, t)
	}
}

// again has a tenant minted for anew.
func (e *engine) again(p planned) {
	e.work.remint = append(e.work.remint, p)
	e.exhausted(false)
}

// zyncAnswered notes that Zync works.
func (e *engine) zyncAnswered() {
	if !e.zync.answered() {
		return
	}
	e.triesBeginAnew()
	e.speed.pace.startAnew(time.Now())
	e.run.Log.Info("zync is back; going on", "tokens_in_hand", e.hand.len())
}

// zyncFails is true while what fails is Zync, and no tenant's tries count. While
// /status/live says that it is up and nobody is left whose first try could show more,
// those in hand may fail alone, and have their tries.
func (e *engine) zyncFails() bool {
	return e.zync.troubled() && (!e.zync.alive || !e.noneFresh())
}

// triesBeginAnew gives the tenants in hand all their tries: until now it was Zync
// that failed.
func (e *engine) triesBeginAnew() {
	e.hand.release(time.Now())
	e.end.exhaustedAt = time.Time{}
}

// refused gives up a tenant whose token was refused. Nobody holds the token unless
// an earlier push of it may have arrived.
func (e *engine) refused(t *token, wasSent bool) {
	if t.confirm {
		e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
		return
	}
	e.failed(t.planned, nil, t.reason)
	if !wasSent && !t.placeholder {
		e.results.ends.discards = append(e.results.ends.discards, t.digest)
	}
}

// tryLater has a token wait for another try, or gives its tenant up.
func (e *engine) tryLater(p pushed, again bool) {
	t, now := p.token, time.Now()
	t.slow = p.answer.Slow
	if !again {
		e.speed.patience.tried(p.answer.Slow)
		if e.zync.firstTryFailed(t.tenant.ID, t.reason, now, p.answer.RetryAfter) {
			e.speed.width.failed()
			e.run.Log.Warn("zync is in trouble; minting stops until a push succeeds, tokens in hand are kept", "err", t.reason)
		}
	}
	e.run.Log.Debug("push failed; trying again", "tenant_id", t.tenant.ID, "try", t.tries, "err", t.reason)
	if t.firstFail.IsZero() {
		t.firstFail = now
	}
	if !t.confirm {
		e.results.notes.fail(t.tenant.ID, t.reason)
	}
	if e.zyncFails() {
		t.forgiveTries()
	}
	if e.hadItsTries(t, now) {
		e.giveUpOn(t)
		return
	}
	t.notBefore = now.Add(max(backOff(t.tries), p.answer.RetryAfter))
	if t.slow && t.limit > 0 && t.tries == 1 && !t.repeat {
		t.notBefore = now // it was given up early, to be waited for longer later
	}
	e.hand.putBack(t)
}

// hadItsTries is true if a token is not to be pushed again in this run.
func (e *engine) hadItsTries(t *token, now time.Time) bool {
	within := triesWithin
	if e.o.RetryFor > 0 {
		within = e.o.RetryFor
	}
	if e.zyncFails() {
		return false
	}
	if !t.firstFail.IsZero() && now.Sub(t.firstFail) >= within {
		return true
	}
	if !e.end.exhaustedAt.IsZero() && now.Sub(e.end.exhaustedAt) >= within {
		return true
	}
	if e.o.RetryFor > 0 || t.confirm {
		return false
	}
	return t.tries >= tries || (t.repeat && t.tries > 0)
}

// giveUpOn ends a tenant's tries in this run. The token is kept for a later run of
// this process. If there is none and nobody can hold the token, it is deleted.
func (e *engine) giveUpOn(t *token) {
	switch {
	case t.confirm:
		e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
	case t.placeholder:
		e.failed(t.planned, nil, t.reason)
	case e.keepsTokens():
		e.failed(t.planned, t, t.reason)
	default:
		e.refused(t, t.sent)
	}
}

// failed counts a tenant that this run does not serve. Its token, if there is one,
// is pushed again by a later run.
func (e *engine) failed(p planned, t *token, reason string) {
	e.results.notes.fail(p.tenant.ID, reason)
	e.mint.memory.fail(p, t, e.run.Window.Start, reason)
	e.tally.fail(p, reason)
	if e.o.Revoke { // each of them: a leaked token of theirs still works
		e.run.Log.Error("tenant not served, its older tokens are NOT revoked; run it again with --tenant",
			"tenant_id", p.tenant.ID, "err", reason)
		return
	}
	e.run.Log.Debug("tenant not served", "tenant_id", p.tenant.ID, "err", reason) // the run's end says it of all
}

// endsWritten takes over what became of the ends of tokens.
func (e *engine) endsWritten(wrote ended) {
	e.results.ends.add(wrote.left)
	for _, t := range wrote.spared {
		t.confirm, t.firstFail, t.notBefore = true, time.Time{}, time.Now().Add(confirmAfter)
		e.hand.putBack(t)
	}
	for _, t := range wrote.behind {
		if t.mints >= mostMints {
			e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
			continue
		}
		e.tally.undeliver()
		e.again(t.planned)
	}
	if n := len(wrote.spared); n > 0 {
		e.run.Log.Info("young tokens are spared for now: a push of one may still be under way. They are revoked after the new token was pushed once more",
			"tenants", n, "in", confirmAfter)
	}
}

var errTrouble = errors.New("zync is in trouble")
