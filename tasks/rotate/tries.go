package rotate

import "time"

const (
	// tries is how many pushes a tenant has in one run of the daemon, within triesWithin
	// of the first. A tenant that failed in an earlier run has one.
	tries       = 3
	triesWithin = 45 * time.Second
)

// tryLater makes a token wait for another try, or gives its tenant up.
func (e *engine) tryLater(p pushed, again bool) {
	t, now := p.token, time.Now()
	t.slow = p.answer.Slow
	if !again {
		e.speed.patience.tried(p.answer.Slow)
		if e.zync.firstTryFailed(t.tenant.ID, t.reason, now, p.answer.RetryAfter) {
			e.speed.width.failed()
			e.run.Log.Warn("zync is in trouble; nothing is minted until a push succeeds, and tokens in hand are kept", "err", t.reason)
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
		t.notBefore = now // the first try had a short limit; the next one has the whole time-out
	}
	e.hand.putBack(t)
}

// hadItsTries is true if a token must not be pushed again in this run.
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

// refused gives up a tenant whose token was refused. The token is deleted unless an earlier
// push of it may have arrived.
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

// failed counts a tenant that this run does not serve. Its token, if there is one,
// is pushed again by a later run.
func (e *engine) failed(p planned, t *token, reason string) {
	e.results.notes.fail(p.tenant.ID, reason)
	e.mint.memory.fail(p, t, e.run.Window.Start, reason)
	e.tally.fail(p, reason)
	if e.o.Revoke { // one line for each tenant: a leaked token of it still works
		e.run.Log.Error("tenant not served, its older tokens are NOT revoked; run it again with --tenant",
			"tenant_id", p.tenant.ID, "err", reason)
		return
	}
	e.run.Log.Debug("tenant not served", "tenant_id", p.tenant.ID, "err", reason) // the run's end logs them together
}
