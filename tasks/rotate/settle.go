package rotate

import (
	"time"

	"github.com/token-scheduler/token-scheduler/zync"
)

// settle acts on the result of a push.
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

// pushEnded notes that a worker is free again, and the time that it spent on a failing
// tenant.
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

// again makes the minter mint for a tenant once more.
func (e *engine) again(p planned) {
	e.work.remint = append(e.work.remint, p)
	e.exhausted(false)
}
