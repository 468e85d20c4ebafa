package sim

import (
	"context"
	"maps"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// ledgerTimeout is how long the ledger waits for Redis. The real one waits as long.
const ledgerTimeout = 3 * time.Second

// Ledger is the ledger on a Redis of this package; see [ledger.Ledger].
type Ledger struct{ redis *Redis }

// NewLedger returns the ledger on r.
func NewLedger(r *Redis) *Ledger { return &Ledger{redis: r} }

func (l *Ledger) call(ctx context.Context, do func(d *redisData)) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	err := call(ctx, l.redis.proc, l.redis.Server, func() error {
		l.redis.data.mu.Lock()
		defer l.redis.data.mu.Unlock()
		do(l.redis.data)
		return nil
	})
	return err
}

// Deliveries implements the ledger of rotate and janitor.
func (l *Ledger) Deliveries(ctx context.Context, ids []int64) (times []time.Time, err error) {
	times = make([]time.Time, len(ids))
	return times, l.call(ctx, func(d *redisData) {
		for i, id := range ids {
			times[i] = d.deliveries[id].At
		}
	})
}

// Minted implements the ledger of rotate.
func (l *Ledger) Minted(ctx context.Context, ids []int64) (times []time.Time, err error) {
	times = make([]time.Time, len(ids))
	return times, l.call(ctx, func(d *redisData) {
		for i, id := range ids {
			times[i] = d.deliveries[id].Minted
		}
	})
}

// Record implements the ledger of rotate.
func (l *Ledger) Record(ctx context.Context, delivered map[int64]ledger.Delivery, _ map[int64]string, _ time.Time) error {
	return l.call(ctx, func(d *redisData) {
		maps.Copy(d.deliveries, delivered)
		for id, delivery := range delivered {
			if delivery.Placeholder.IsZero() {
				delete(d.placed, id)
			} else {
				d.placed[id] = delivery.Placeholder
			}
		}
	})
}

// Forget implements the ledger of janitor.
func (l *Ledger) Forget(ctx context.Context, before time.Time) error {
	return l.call(ctx, func(d *redisData) {
		maps.DeleteFunc(d.deliveries, func(_ int64, d ledger.Delivery) bool { return d.At.Before(before) })
	})
}

// Resume implements the bookmark of rotate.
func (l *Ledger) Resume(ctx context.Context) (id int64, err error) {
	err = l.call(ctx, func(d *redisData) { id = d.resume })
	return id, err
}

// RecordResume implements the bookmark of rotate.
func (l *Ledger) RecordResume(ctx context.Context, id int64) error {
	return l.call(ctx, func(d *redisData) { d.resume = id })
}

// Tasks implements the record of the daemon.
func (l *Ledger) Tasks(ctx context.Context, names ...string) (known map[string]ledger.Task, err error) {
	known = map[string]ledger.Task{}
	return known, l.call(ctx, func(d *redisData) {
		for _, name := range names {
			known[name] = d.tasks[name]
		}
	})
}

// RecordRun implements the record of a runner.
func (l *Ledger) RecordRun(ctx context.Context, run ledger.Run) error {
	return l.call(ctx, func(d *redisData) {
		known, times := d.tasks[run.Task], run.Times()
		if !times.Complete.IsZero() {
			known.Complete = times.Complete
		}
		if !times.Success.IsZero() {
			known.Success = times.Success
		}
		d.tasks[run.Task] = known
	})
}

// RecordProgress implements the record of a runner. Nobody reads the progress here, so
// it is not kept.
func (l *Ledger) RecordProgress(ctx context.Context, _ string, _ ledger.Progress) error {
	return l.call(ctx, func(*redisData) {})
}
