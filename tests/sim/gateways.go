package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// RecordGateway notes that a gateway serves, and forgets those that are not alive.
func (l *Ledger) RecordGateway(ctx context.Context, g ledger.Gateway, now time.Time) error {
	return l.call(ctx, func(d *redisData) {
		g.Seen = now
		maps.DeleteFunc(d.gateways, func(_ string, other ledger.Gateway) bool { return !other.Alive(now) })
		d.gateways[g.By] = g
	})
}

// RemoveGateway notes that a gateway serves no more.
func (l *Ledger) RemoveGateway(ctx context.Context, by string) error {
	return l.call(ctx, func(d *redisData) { delete(d.gateways, by) })
}

// Gateways implements the gateways of rotate.
func (l *Ledger) Gateways(ctx context.Context) (known []ledger.Gateway, err error) {
	err = l.call(ctx, func(d *redisData) {
		known = slices.SortedFunc(maps.Values(d.gateways), func(a, b ledger.Gateway) int { return cmp.Compare(a.By, b.By) })
	})
	return known, err
}

// AnnouncePlaceholders implements the placeholders of rotate.
func (l *Ledger) AnnouncePlaceholders(ctx context.Context, ids []int64, now time.Time) error {
	return l.call(ctx, func(d *redisData) {
		for _, id := range ids {
			d.placed[id] = now
		}
	})
}

// PlaceholdersOf implements the placeholders of rotate.
func (l *Ledger) PlaceholdersOf(ctx context.Context, ids []int64) (times []time.Time, err error) {
	times = make([]time.Time, len(ids))
	return times, l.call(ctx, func(d *redisData) {
		for i, id := range ids {
			times[i] = d.placed[id]
		}
	})
}

// CountPlaceholders implements the placeholders of rotate.
func (l *Ledger) CountPlaceholders(ctx context.Context) (n int, err error) {
	err = l.call(ctx, func(d *redisData) { n = len(d.placed) })
	return n, err
}

// SomePlaceholders implements the placeholders of rotate.
func (l *Ledger) SomePlaceholders(ctx context.Context, n int) (ids []int64, err error) {
	err = l.call(ctx, func(d *redisData) {
		ids = slices.Sorted(maps.Keys(d.placed))
		ids = ids[:min(len(ids), n)]
	})
	return ids, err
}

// ForgetPlaceholders implements the placeholders of rotate.
func (l *Ledger) ForgetPlaceholders(ctx context.Context, ids []int64) error {
	return l.call(ctx, func(d *redisData) {
		for _, id := range ids {
			delete(d.placed, id)
		}
	})
}
