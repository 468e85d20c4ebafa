package rotate

import (
	"context"
	"errors"
	"time"
)

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

var errTrouble = errors.New("zync is in trouble")
