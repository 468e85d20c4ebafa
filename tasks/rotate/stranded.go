package rotate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// Stranded says why tenants for which Zync may hold a placeholder need live tokens now. It is
// empty if none do. Leader and standbys call it once a minute, so that each knows when a
// gateway was last alive.
//
// Once no gateway is alive, tenants without a recorded token in this window count, too: Redis
// may have lost its placeholders.
func (r *Rotation) Stranded(ctx context.Context) (why string, err error) {
	if r.o.Placeholders == nil {
		return "", nil
	}
	known, n, err := r.observe(ctx)
	if err != nil {
		return "", err
	}
	now := r.o.Now()
	alive := slices.ContainsFunc(known, func(g ledger.Gateway) bool { return g.Alive(now) })
	gone, given := r.recall.gone(alive, n)
	r.recall.choose(nil)
	switch {
	case !r.o.Placeholder:
		why = "placeholders are no longer asked for"
	case !gone:
		return "", nil
	case !given:
		return ledger.NoGateway.Words(), nil
	default:
		why = ledger.NoGateway.Words()
	}
	if n == 0 {
		return "", nil
	}
	ids, err := r.recallable(ctx)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	if n <= mostChosen {
		r.recall.choose(ids)
	}
	return why, nil
}

// observe reads the gateways and the number of placeholders, for the metrics, too.
func (r *Rotation) observe(ctx context.Context) (known []ledger.Gateway, placeholders int, err error) {
	if r.o.Placeholders == nil {
		return nil, 0, nil
	}
	if known, err = r.o.Gateways(ctx); err != nil {
		return nil, 0, err
	}
	if placeholders, err = r.o.Placeholders.CountPlaceholders(ctx); err != nil {
		return nil, 0, err
	}
	r.o.Metrics.placed(placeholders, ledger.Withhold(known, nil, r.o.Now()) != ledger.NoGateway)
	return known, placeholders, nil
}

// replaced tells whether a tenant was given a token after its placeholder, a short time ago.
// The placeholder may still arrive late, so the tenant is given a token once more, but not
// before that time is over.
func replaced(held, served, now time.Time) bool {
	return served.After(held) && now.Sub(held) < spareYoung
}

// recallable returns some of the tenants with a placeholder that can be given a token now. It
// forgets tenants that no longer exist.
func (r *Rotation) recallable(ctx context.Context) (owned []int64, err error) {
	ids, err := r.o.Placeholders.SomePlaceholders(ctx, mostChosen)
	if err != nil {
		return nil, err
	}
	rows, err := rowsOf(ctx, r.o.Tenants, ids)
	if err != nil {
		return nil, fmt.Errorf("look up tenants with a placeholder: %w", err)
	}
	held, err := r.o.Placeholders.PlaceholdersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	served, err := r.o.Ledger.Deliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	var deleted []int64
	for i, id := range ids {
		switch row, found := rows[id]; {
		case !found:
			deleted = append(deleted, id)
		case row.OwnerID.Valid && !replaced(held[i], served[i], r.o.Now()):
			owned = append(owned, id)
		}
	}
	return owned, r.o.Placeholders.ForgetPlaceholders(ctx, deleted)
}

// noteRecall notes what a run's result says about placeholders.
func (r *Rotation) noteRecall(ctx context.Context, what pass, result tasks.Result) {
	everyone := result.Complete && !result.Chosen
	if what.recalls && everyone && result.Failed == 0 {
		r.recall.gaveAll()
	}
	if r.o.Placeholders == nil {
		if everyone {
			r.o.Metrics.placed(result.Failed, false) // the others were given a token
		}
		return
	}
	_, _, _ = r.observe(ctx) // for the metrics; the next look tries again
}

// MayBeOut tells whether Zync may hold placeholders, as far as this process knows.
func (r *Rotation) MayBeOut() bool {
	r.recall.mu.Lock()
	defer r.recall.mu.Unlock()
	return r.o.Placeholder || r.recall.out
}

// unmarked leaves out the tenants for which Zync may hold a placeholder. They need no token.
func (r *Rotation) unmarked(ctx context.Context, ids []int64) ([]int64, error) {
	if r.o.Placeholders == nil || len(ids) == 0 {
		return ids, nil
	}
	held, err := r.o.Placeholders.PlaceholdersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	var left []int64
	for i, id := range ids {
		if held[i].IsZero() {
			left = append(left, id)
		}
	}
	return left, nil
}
