package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// sayEvery is how often the log repeats that Zync is still in trouble.
const sayEvery = time.Minute

// startLook asks a Zync that is in trouble whether it lives. Where it does, one
// waiting token is pushed to see whether it takes tokens, too.
func (e *engine) startLook(ctx context.Context, now time.Time) {
	if !e.breaker.open || e.looking || e.probing || e.stopping || now.Before(e.breaker.lookAt) {
		return
	}
	if now.Sub(e.breaker.said) >= sayEvery {
		e.breaker.said = now
		e.run.Log.Warn("zync is still in trouble", "for", now.Sub(e.breaker.since).Round(time.Second), "in_hand", e.queue.len())
	}
	e.looking = true
	go func() {
		e.looked <- tasks.Safely(func() error { return e.o.Zync.Alive(ctx) })
	}()
}

func (e *engine) lookEnded(err error) {
	if err == nil && e.breaker.open {
		e.probing = true
		return
	}
	e.breaker.lookAgain(time.Now(), 0)
}
