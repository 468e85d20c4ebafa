package rotate

import (
	"context"
	"slices"

	"github.com/token-scheduler/token-scheduler/db"
)

// nextAgain hands out up to n of the tenants that come again. It reads old rows again,
// because their owners may have changed.
func (p *plan) nextAgain(ctx context.Context, n int, t *tally) ([]planned, error) {
	if len(p.again) == 0 {
		return nil, nil
	}
	now := p.o.Now()
	old := func(q planned) bool { age := now.Sub(q.readAt); return age > rowAge || age < 0 }
	var ids []int64
	for _, q := range p.again {
		if old(q) {
			ids = append(ids, q.tenant.ID)
		}
	}
	rows, err := rowsOf(ctx, p.o.Tenants, ids)
	if err != nil {
		return nil, err
	}
	waiting := p.again
	p.again = nil
	for _, q := range waiting {
		if old(q) {
			row, found := rows[q.tenant.ID]
			if !found {
				continue // deleted meanwhile
			}
			q.read(row, now)
		}
		if q.verdict == noOwner {
			t.skip(q)
			continue
		}
		p.again = append(p.again, q)
	}
	n = min(n, len(p.again))
	batch := slices.Clone(p.again[:n])
	p.again = p.again[n:]
	return batch, nil
}

// handOutEarly hands out those of ids that are due, before their turn. The canary's
// tenant may be among ids; it was handed out before.
func (p *plan) handOutEarly(ctx context.Context, ids []int64) ([]planned, error) {
	ids = slices.DeleteFunc(ids, func(id int64) bool { return p.early[id] })
	if len(ids) == 0 {
		return nil, nil
	}
	tenants, err := p.o.Tenants.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	if len(p.o.Only) > 0 {
		tenants = slices.DeleteFunc(tenants, func(t db.Tenant) bool { return !slices.Contains(p.o.Only, t.ID) })
	}
	all, err := p.decide(ctx, tenants, p.o.Now())
	if err != nil {
		return nil, err
	}
	early := slices.DeleteFunc(all, func(q planned) bool { return q.verdict != due })
	for i := range early {
		early[i].after = p.begunAt
		p.early[early[i].tenant.ID] = true
	}
	return early, nil
}

// approved hands out the first approved tenant of the page that is due, before its
// turn; false if there is none.
func (p *plan) approved(ctx context.Context) (planned, bool, error) {
	if found, err := p.fill(ctx); err != nil || !found {
		return planned{}, false, err
	}
	for _, q := range p.page {
		if q.verdict == due && q.tenant.Approved && !p.early[q.tenant.ID] {
			p.early[q.tenant.ID] = true
			q.after = p.begunAt
			return q, true, nil
		}
	}
	return planned{}, false, nil
}
