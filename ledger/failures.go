package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// mostReasons is how many reasons are told apart. A reason of a server may be
// different for each tenant.
const mostReasons = 200

// Ask says which failures are asked for.
type Ask struct {
	// Since leaves out older failures: they belong to deleted tenants. A
	// rotation that reaches everyone renews the others.
	Since time.Time
	// Risky is the time of the last delivery before which a tenant is at risk.
	Risky time.Time
	// Replaced is true while a gateway is alive. Then no tenant is at risk for which Zync
	// holds a placeholder; otherwise each of them is.
	Replaced bool
	Limit    int // of the list
	// Match chooses those that are listed; nil lists all.
	Match func(Failing) bool
}

// Failures are the tenants that have failed and were not served again since.
type Failures struct {
	Failing, AtRisk int
	Matching        int // of the failing
	// Worst are the matching failures, up to the limit. Tenants whose token expires first
	// come first, and tenants whose token is not known come last.
	Worst []Failing
	// Oldest is the earliest mint of a token at Zync that is known; zero if none is.
	Oldest  time.Time
	Reasons []Reason // the most frequent first
}

// Reason is why tenants fail.
type Reason struct {
	Reason  string `json:"reason"` // empty for those beyond the first two hundred
	Tenants int    `json:"tenants"`
}

// FailedAt returns when a push for each tenant last failed, in the order of ids; zero if
// it was served since, or nothing is known.
func (l *Ledger) FailedAt(ctx context.Context, ids []int64) ([]time.Time, error) {
	values, err := l.hmget(ctx, l.failures(), ids)
	if err != nil {
		return nil, fmt.Errorf("read failures: %w", err)
	}
	times := make([]time.Time, len(ids))
	for i, value := range values {
		if text, ok := value.(string); ok {
			times[i] = parseFailure(text).Last
		}
	}
	return times, nil
}

// Failures returns the tenants that fail. One whose last delivery is not known counts
// as at risk.
func (l *Ledger) Failures(ctx context.Context, ask Ask) (Failures, error) {
	c, seen := newCollection(ask), map[int64]bool{} // a walk may meet an entry twice
	err := l.scan(ctx, l.failures(), func(ctx context.Context, pairs []string) error {
		page, err := l.withDeliveries(ctx, pairs, seen)
		for _, f := range page {
			c.add(f)
		}
		c.cut()
		return err
	})
	if err != nil {
		return c.Failures, fmt.Errorf("read failures: %w", err)
	}
	return c.done(), nil
}

// collection gathers failures.
type collection struct {
	Failures
	ask     Ask
	reasons map[string]int
}

func newCollection(ask Ask) *collection { return &collection{ask: ask, reasons: map[string]int{}} }

func (c *collection) add(f Failing) {
	if f.Last.Before(c.ask.Since) {
		return
	}
	c.Failing++
	if c.ask.Risks(f) {
		c.AtRisk++
	}
	if !f.Minted.IsZero() && (c.Oldest.IsZero() || f.Minted.Before(c.Oldest)) {
		c.Oldest = f.Minted
	}
	if c.reasons[f.Reason] > 0 || len(c.reasons) < mostReasons {
		c.reasons[f.Reason]++
	} else {
		c.reasons[""]++
	}
	if c.ask.Match == nil || c.ask.Match(f) {
		c.Matching++
		c.Worst = append(c.Worst, f)
	}
}

// cut keeps the worst, up to the limit.
func (c *collection) cut() {
	slices.SortFunc(c.Worst, func(a, b Failing) int {
		return cmp.Or(cmp.Compare(c.ask.rank(a), c.ask.rank(b)),
			a.Delivered.Compare(b.Delivered), cmp.Compare(a.TenantID, b.TenantID))
	})
	c.Worst = c.Worst[:min(len(c.Worst), c.ask.Limit)]
}

func (c *collection) done() Failures {
	c.cut()
	for reason, n := range c.reasons {
		c.Reasons = append(c.Reasons, Reason{reason, n})
	}
	slices.SortFunc(c.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(b.Tenants, a.Tenants), cmp.Compare(a.Reason, b.Reason))
	})
	return c.Failures
}

// Fared is what is known about one tenant.
type Fared struct {
	Delivery Delivery // zero if none is known
	Failure  *Failing // since the last delivery; nil if there is none
}

// Tenant returns what is known about one tenant.
func (l *Ledger) Tenant(ctx context.Context, id int64) (Fared, error) {
	served, err := l.deliveriesOf(ctx, []int64{id})
	if err != nil {
		return Fared{}, err
	}
	held, err := l.PlaceholdersOf(ctx, []int64{id})
	if err != nil {
		return Fared{}, err
	}
	fared := Fared{Delivery: served[0]}
	fared.Delivery.Placeholder = held[0]
	values, err := l.hmget(ctx, l.failures(), []int64{id})
	if err != nil {
		return fared, fmt.Errorf("read failure: %w", err)
	}
	if text, ok := values[0].(string); ok {
		f := parseFailure(text)
		f.TenantID, f.Delivered, f.Minted, f.Placeholder = id, served[0].At, served[0].Minted, held[0]
		fared.Failure = &f
	}
	return fared, nil
}
