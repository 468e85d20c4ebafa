package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
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

// RemoveGateway notes that a gateway has ended.
func (l *Ledger) RemoveGateway(ctx context.Context, by string) error {
	return l.call(ctx, func(d *redisData) { delete(d.gateways, by) })
}

// Gateways implements the gateways of rotate.
func (l *Ledger) Gateways(ctx context.Context) (known []ledger.Gateway, err error) {
	err = l.call(ctx, func(d *redisData) {
		known = slices.SortedFunc(maps.Values(d.gateways), func(a, b ledger.Gateway) int { return cmp.Compare(a.By, b.By) })
		for _, g := range d.serving {
			known = append(known, g.said())
		}
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

// Gateway is a process's gateway. It counts as recorded as often as a daemon does that,
// without a call each time.
type Gateway struct {
	redis *Redis
	by    string
	now   func() time.Time // the process's clock

	mu          sync.Mutex
	lastRequest time.Time
}

// ServeGateway starts a gateway in the process.
func (r *Redis) ServeGateway(by string, now func() time.Time) *Gateway {
	g := &Gateway{redis: r, by: by, now: now}
	r.data.mu.Lock()
	defer r.data.mu.Unlock()
	r.data.serving = append(r.data.serving, g)
	return g
}

// Stop ends the gateway and removes its record.
func (g *Gateway) Stop() {
	d := g.redis.data
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = slices.DeleteFunc(d.serving, func(other *Gateway) bool { return other == g })
}

// Serves tells whether the gateway would answer a request.
func (g *Gateway) Serves() bool {
	lives, _ := g.redis.proc.Lives()
	return lives
}

// Carry notes a request.
func (g *Gateway) Carry() {
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lastRequest = now
}

// said is its last record.
func (g *Gateway) said() ledger.Gateway {
	seen := g.now()
	if lives, since := g.redis.proc.Lives(); !lives {
		seen = seen.Add(-time.Since(since))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return ledger.Gateway{By: g.by, Seen: seen, LastRequest: g.lastRequest}
}
