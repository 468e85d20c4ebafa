package rotate

import (
	"context"
	"fmt"
	"slices"
)

// countUnreached counts the tenants that are left in the plan, so that the report's
// numbers add up.
func (e *engine) countUnreached(ctx context.Context) {
	for _, p := range slices.Concat(e.mint.plan.again, e.work.remint) {
		e.tally.unreach(p)
	}
	e.mint.plan.again = nil
	for {
		batch, err := e.mint.plan.next(ctx, pageSize, e.tally)
		for _, p := range batch {
			e.tally.unreach(p)
		}
		if err != nil || len(batch) == 0 {
			return // MySQL or Redis is away; the run's error says so
		}
	}
}

// countAll compares the number of tenants that the run met with MySQL's count. If a server
// cuts lists short, or a list leaves out a row, the run must fail.
func (e *engine) countAll(ctx context.Context) error {
	if len(e.o.Only) > 0 {
		return nil
	}
	now, err := e.o.Tenants.Count(ctx)
	if err != nil {
		return fmt.Errorf("count the tenants at the run's end: %w", err)
	}
	before := e.tally.total
	if before == 0 {
		before = now
	}
	met := e.tally.tenants()
	if met < min(before, now) || met > max(before, now) {
		return fmt.Errorf("the run met %d tenants, and MySQL counts %d: some were left out or met twice; run --check", met, now)
	}
	return nil
}
