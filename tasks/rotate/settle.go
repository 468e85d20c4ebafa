package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/zync"
)

func (e *engine) startWorkers(ctx context.Context) {
	for range cap(e.pushed) {
		go func() {
			for t := range e.jobs {
				e.pushed <- e.push(ctx, t)
			}
		}()
	}
}

func (e *engine) push(ctx context.Context, t *token) pushed {
	p := pushed{token: t}
	err := tasks.Safely(func() error {
		if p.gone = e.gone(ctx, t); p.gone {
			return nil
		}
		p.answer = e.verify(ctx, t)
		if p.answer.Class != zync.Delivered {
			return nil
		}
		if t.limit > 0 {
			limited, cancel := context.WithTimeout(ctx, t.limit)
			defer cancel()
			ctx = limited
		}
		began := time.Now()
		p.answer = e.o.Zync.Push(ctx, inZync(t.tenant), t.plaintext)
		p.took = time.Since(began)
		e.o.Metrics.pushed(p.answer.Class, p.took)
		return nil
	})
	if err != nil {
		p.answer = zync.Answer{Class: zync.Transient, Sent: true, Err: err}
	}
	return p
}

// gone tells whether a token that has waited in hand was deleted meanwhile. Where
// that can't be asked it is taken to be there, as it was when it was minted.
func (e *engine) gone(ctx context.Context, t *token) bool {
	if time.Since(t.born) < pageAge || e.o.Accepts == nil {
		return false
	}
	accepted, err := e.o.Accepts(ctx, t.digest)
	return err == nil && !accepted
}

// verify tries the run's first token on Porta. Only a refusal is an answer; a
// Porta that can't be asked keeps nobody's token from Zync.
func (e *engine) verify(ctx context.Context, t *token) zync.Answer {
	if !t.canary || e.o.Verify == nil {
		return zync.Answer{}
	}
	err := e.o.Verify(ctx, inZync(t.tenant), t.plaintext)
	t.canary = false
	switch {
	case err == nil:
		e.run.Log.Debug("first token verified on porta", "tenant_id", t.tenant.ID)
	case errors.Is(err, zync.ErrNotAccepted):
		return zync.Answer{Class: zync.Rejected, Err: fmt.Errorf("nothing was pushed, zync keeps what it has: %w", err)}
	default:
		e.run.Log.Warn("first token not verified; going on without", "tenant_id", t.tenant.ID, "err", err)
	}
	return zync.Answer{}
}

// settle decides what follows from an answer. A token that is gone is minted anew.
func (e *engine) settle(p pushed) {
	t, answer := p.token, p.answer
	e.inFlight--
	e.probing = false
	if p.gone {
		e.remint = append(e.remint, t.planned)
		e.exhausted = false
		return
	}
	t.tries++
	t.lastErr = answer.Err
	wasSent := t.sent
	t.sent = t.sent || answer.Sent
	now := time.Now()
	switch answer.Class {
	case zync.Delivered:
		e.zyncAnswered(now)
		e.pace.delivered(now, e.width.now)
		e.width.took(p.took, now)
		e.patient.took(p.took)
		at := e.o.Now()
		e.tally.deliver(at)
		e.notes.deliver(t.tenant.ID, at)
		if e.o.Revoke {
			e.notes.revoke(t.digest)
		}
	case zync.Invalid:
		e.zyncAnswered(now)
		e.refuse(t, wasSent)
	case zync.Rejected:
		e.refuse(t, wasSent)
		e.stop(answer.Err)
	case zync.Transient:
		e.failedForNow(t, answer, now)
	}
}

func (e *engine) zyncAnswered(now time.Time) {
	if e.breaker.answered() {
		e.queue.release(now)
		e.run.Log.Info("zync is back; going on")
	}
}

// refuse gives up a tenant whose token was definitely refused. Unless an earlier
// push of it may have arrived, nobody holds the token, and it is deleted.
func (e *engine) refuse(t *token, wasSent bool) {
	e.fail(t.planned, t.lastErr.Error())
	if !wasSent {
		e.notes.discard(t.digest)
	}
}

func (e *engine) failedForNow(t *token, answer zync.Answer, now time.Time) {
	e.pace.failed()
	if t.limit == 0 {
		e.width.failed() // not where it is one tenant that is slow
	}
	if e.breaker.failed(t.tenant.ID, !e.exhausted, now, answer.RetryAfter) {
		e.run.Log.Warn("zync is in trouble; minting stops until it is back, tokens in hand are kept", "err", answer.Err)
	}
	if t.firstFail.IsZero() {
		t.firstFail = now
	}
	if e.o.RetryFor > 0 && now.Sub(t.firstFail) >= e.o.RetryFor {
		e.fail(t.planned, t.lastErr.Error())
		return
	}
	t.slow = answer.Slow
	t.notBefore = now.Add(max(backOff(t.tries), answer.RetryAfter))
	e.queue.putBack(t)
	e.run.Log.Debug("push failed for the moment", "tenant_id", t.tenant.ID, "try", t.tries, "err", answer.Err)
}

func (e *engine) fail(p planned, reason string) {
	e.notes.fail(p.tenant.ID, reason)
	named := e.tally.fail(p, reason)
	switch {
	case e.o.Revoke: // each of them: a leaked token of theirs still works
		e.run.Log.Error("tenant not served, its older tokens are NOT revoked; run it again with --tenant",
			"tenant_id", p.tenant.ID, "err", reason)
	case named:
		e.run.Log.Warn("tenant not served; its earlier tokens are untouched", "tenant_id", p.tenant.ID, "err", reason)
	}
}
