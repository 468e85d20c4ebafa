package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/zync"
)

// pushed is what a worker did with a token.
type pushed struct {
	token  *token
	answer zync.Answer
	took   time.Duration
	gone   bool // Porta no longer accepts the token; it was not pushed
	unsure bool // MySQL does not say whether it does, or Redis whether a gateway carries; it was not pushed
	looked bool // Porta accepts the token; it was looked for
}

func (e *engine) startWorkers(ctx context.Context) {
	for range cap(e.work.pushed) {
		go func() {
			for t := range e.work.jobs {
				e.work.pushed <- e.push(ctx, t)
			}
		}()
	}
}

func (e *engine) push(ctx context.Context, t *token) (p pushed) {
	began := time.Now()
	err := tasks.Safely(func() error {
		if t.placeholder {
			p.unsure = !e.mayPlace(ctx, t)
		} else {
			p = e.lookFor(ctx, t)
		}
		if p.gone || p.unsure {
			return nil
		}
		limited := ctx
		if t.limit > 0 {
			var cancel context.CancelFunc
			limited, cancel = context.WithTimeout(ctx, t.limit)
			defer cancel()
		}
		began = time.Now()
		p.answer = e.o.Zync.Push(limited, inZync(t.tenant), t.plaintext)
		return nil
	})
	p.token, p.took = t, time.Since(began)
	if err != nil {
		p.answer = zync.Answer{Class: zync.Transient, Sent: true, Err: err}
	}
	return p
}

// lookFor asks MySQL for a token that has waited in hand, or whose writer was lost since.
// The tenant's owner may have been deleted, or a failover may have lost the token.
func (e *engine) lookFor(ctx context.Context, t *token) (p pushed) {
	lost := t.epoch != int(e.results.recent.epoch.Load())
	if !lost && time.Since(t.born) < rowAge {
		return p
	}
	missing, err := e.o.Tokens.Missing(ctx, []secret.Text{t.digest})
	p.gone = err == nil && len(missing) > 0
	p.unsure = err != nil && lost
	p.looked = err == nil && !p.gone
	return p
}
