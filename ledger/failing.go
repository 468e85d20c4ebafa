package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Failing is a tenant whose last push failed.
type Failing struct {
	TenantID int64
	Reason   string    // of the last failure
	Since    time.Time // the first failure since the last delivery
	Last     time.Time // the last failure
	// Delivered is the last delivery. It is zero if none is known.
	Delivered time.Time
	// Minted is when the token of that delivery was minted. Its life begins there.
	Minted time.Time
	// Placeholder is when a placeholder was pushed that Zync may hold; zero if none was.
	Placeholder time.Time
}

// Risks tells whether the tenant is at risk.
func (a Ask) Risks(f Failing) bool {
	if !f.Placeholder.IsZero() {
		return !a.Replaced
	}
	return f.Delivered.Before(a.Risky)
}

// rank orders failing tenants: at risk, of unknown age, recently served.
func (a Ask) rank(f Failing) int {
	switch {
	case !a.Risks(f):
		return 2
	case f.Delivered.IsZero():
		return 1
	}
	return 0
}

// A failure is stored as the times of the first and the last one, and the reason.
func formatFailure(since, last time.Time, reason string) string {
	return formatTime(since) + " " + formatTime(last) + " " + reason
}

func parseFailure(text string) (f Failing) {
	since, rest, _ := strings.Cut(text, " ")
	last, reason, _ := strings.Cut(rest, " ")
	f.Since, f.Last, f.Reason = parseTime(since), parseTime(last), reason
	return f
}

// sinceWhen returns the fields and values of failures to store. The time of the first
// failure since the last delivery is kept.
func (l *Ledger) sinceWhen(ctx context.Context, failed map[int64]string, now time.Time) ([]any, error) {
	ids := slices.Collect(maps.Keys(failed))
	known, err := l.hmget(ctx, l.failures(), ids)
	if err != nil {
		return nil, fmt.Errorf("read failures: %w", err)
	}
	pairs := make([]any, 0, 2*len(ids))
	for i, id := range ids {
		since := now
		if text, ok := known[i].(string); ok {
			if first := parseFailure(text).Since; !first.IsZero() && first.Before(now) {
				since = first
			}
		}
		pairs = append(pairs, strconv.FormatInt(id, 10), formatFailure(since, now, failed[id]))
	}
	return pairs, nil
}

// withDeliveries reads failures, without those seen before, and adds the tenants' last
// deliveries.
func (l *Ledger) withDeliveries(ctx context.Context, pairs []string, seen map[int64]bool) ([]Failing, error) {
	var page []Failing
	var ids []int64
	for i := 0; i+1 < len(pairs); i += 2 {
		id, err := strconv.ParseInt(pairs[i], 10, 64)
		if err != nil || seen[id] {
			continue // not written by this program, or seen before
		}
		seen[id] = true
		f := parseFailure(pairs[i+1])
		f.TenantID = id
		page, ids = append(page, f), append(ids, id)
	}
	served, err := l.deliveriesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	held, err := l.PlaceholdersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range page {
		page[i].Delivered, page[i].Minted, page[i].Placeholder = served[i].At, served[i].Minted, held[i]
	}
	return page, nil
}
