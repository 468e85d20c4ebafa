package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

// decide makes the verdict on each tenant of a page. It looks up owners only for tenants
// that may be due.
func (p *plan) decide(ctx context.Context, tenants []db.Tenant, at time.Time) ([]planned, error) {
	ids := make([]int64, len(tenants))
	for i, tenant := range tenants {
		ids[i] = tenant.ID
	}
	served, err := p.o.Ledger.Deliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	done := servedInWindow(served, p.window, at)
	held, err := p.placeholders(ctx, ids)
	if err != nil {
		return nil, err
	}
	failed, err := p.failedAt(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range done {
		recalled := p.pass.recalls && !held[i].IsZero() && !replaced(held[i], served[i], at)
		done[i] = done[i] && !p.o.Force && !recalled
	}
	wanted := ids[:0]
	for i, tenant := range tenants {
		if !done[i] {
			wanted = append(wanted, tenant.ID)
		}
	}
	rows, err := rowsOf(ctx, p.o.Tenants, wanted)
	if err != nil {
		return nil, err
	}
	page := make([]planned, 0, len(tenants))
	for i, tenant := range tenants {
		entry := planned{tenant: tenant, verdict: already, served: served[i], held: held[i], readAt: at, failedAt: failed[i]}
		if !done[i] {
			row, found := rows[tenant.ID]
			if !found {
				continue // deleted between the two reads
			}
			entry.read(row, at)
		}
		page = append(page, entry)
	}
	return page, nil
}

// placeholders tells for each tenant when a placeholder was pushed that Zync may hold.
// A pass that pushes placeholders need not know.
func (p *plan) placeholders(ctx context.Context, ids []int64) ([]time.Time, error) {
	if p.pass.placing || p.o.Placeholders == nil {
		return make([]time.Time, len(ids)), nil
	}
	return p.o.Placeholders.PlaceholdersOf(ctx, ids)
}
