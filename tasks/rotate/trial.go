package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

const (
	// trialTenants is how many tenants' tokens are tried without a result before the run
	// goes on.
	trialTenants = 3
	// trialLasts is how long a refused token is tried again: Porta may read a replica
	// that lags.
	trialLasts = 10 * time.Second
)

// trial is the test of a run's first tokens on Porta. Nothing is pushed before it has ended,
// so that tokens that Porta refuses never replace working ones.
type trial struct {
	left   int   // tenants to try; zero once the trial has ended
	atWork bool  // a token is being tried
	err    error // of the last try that showed nothing
}

// open is true until the trial has ended.
func (t *trial) open() bool { return t.left > 0 }

// wanted is how many tokens to mint for it now.
func (t *trial) wanted() int {
	if t.atWork {
		return 0
	}
	return 1
}

var errGone = errors.New("the token was deleted")

// canaryMinted tries a token that was minted for the trial. The trial ends if there
// is no approved tenant to mint for.
func (e *engine) canaryMinted(ctx context.Context, tokens []*token, asked int, err error) {
	switch {
	case err != nil || asked == 0:
	case len(tokens) > 0:
		e.try(ctx, tokens[0])
	default:
		e.trial.left = 0
		e.trialShowedNothing()
	}
}

// trialShowedNothing logs that the run goes on without a test.
func (e *engine) trialShowedNothing() {
	switch {
	case e.end.stopping:
	case e.trial.err != nil:
		e.run.Log.Warn("no token could be tried on porta; the run goes on without this check. See --porta-endpoint", "err", e.trial.err)
	default:
		e.run.Log.Debug("no token is tried on porta: no approved tenant is due")
	}
}

func (e *engine) try(ctx context.Context, t *token) {
	e.trial.atWork = true
	e.async(func() error { return e.tryOnPorta(ctx, t) }, func(err error) {
		e.trial.atWork = false
		switch {
		case err == nil:
			e.trial.left = 0
			e.hand.add(t)
			e.run.Log.Debug("porta accepts the first token", "tenant_id", t.tenant.ID)
		case errors.Is(err, errGone):
			e.trial.left--
			e.again(t.planned)
		case errors.Is(err, zync.ErrNotAccepted):
			t.reason = e.o.reason(err)
			e.refused(t, false)
			e.end.place = t.tenant.ID // the next run tries another tenant's token
			e.trial.left = 0
			e.stop(fmt.Errorf("nothing was pushed, zync keeps its tokens: %w", err))
		default:
			e.hand.add(t)
			e.trial.err = fmt.Errorf("tenant %d: %w", t.tenant.ID, err)
			if e.trial.left--; e.trial.left == 0 {
				e.trialShowedNothing()
			}
		}
	})
}

// tryOnPorta uses a token once. A refusal counts only if it lasts, and if MySQL has the
// token.
func (e *engine) tryOnPorta(ctx context.Context, t *token) error {
	began := time.Now()
	for {
		err := e.o.Verify(ctx, inZync(t.tenant), t.plaintext)
		if !errors.Is(err, zync.ErrNotAccepted) {
			return err
		}
		if missing, lookErr := e.o.Tokens.Missing(ctx, []secret.Text{t.digest}); lookErr == nil && len(missing) > 0 {
			return errGone
		}
		if time.Since(began) >= trialLasts {
			return err
		}
		timer := time.NewTimer(time.Second)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}
