package rotate

import (
	"context"
	"errors"
	"time"
)

// startLook asks a Zync in trouble whether it is up. It logs from time to time that the
// trouble lasts.
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

// sayEvery is how often the log repeats a lasting problem.
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

// zyncFails is true while Zync fails, so that no tenant's tries count. If /status/live says
// that Zync is up, and no tenant is left for a first try, the tenants in hand may fail alone.
// Then it is false, and their tries count.
func (e *engine) zyncFails() bool {
	return e.zync.troubled() && (!e.zync.alive || !e.noneFresh())
}

// triesBeginAnew gives the tenants in hand all their tries again, because Zync failed until
// now.
func (e *engine) triesBeginAnew() {
	e.hand.release(time.Now())
	e.end.exhaustedAt = time.Time{}
}

var errTrouble = errors.New("zync is in trouble")
