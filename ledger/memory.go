package ledger

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Memory is a ledger in this process only, for a time without Redis.
type Memory struct {
	mu         sync.Mutex
	deliveries map[int64]Delivery
	resume     int64
	failures   map[int64]Failing
	runs       map[string]Task
	history    []Run // the latest first
	by         string
}

// NewMemory returns an empty ledger; by names this process.
func NewMemory(by string) *Memory {
	return &Memory{by: by, deliveries: map[int64]Delivery{}, failures: map[int64]Failing{}, runs: map[string]Task{}}
}

// Forget drops all deliveries. Meanwhile a process with Redis may have pushed placeholders
// over them.
func (m *Memory) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.deliveries)
}

// Deliveries works like [Ledger.Deliveries].
func (m *Memory) Deliveries(_ context.Context, ids []int64) ([]time.Time, error) {
	return m.times(ids, func(d Delivery) time.Time { return d.At }), nil
}

// Minted works like [Ledger.Minted].
func (m *Memory) Minted(_ context.Context, ids []int64) ([]time.Time, error) {
	return m.times(ids, func(d Delivery) time.Time { return d.Minted }), nil
}

func (m *Memory) times(ids []int64, of func(Delivery) time.Time) []time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		times[i] = of(m.deliveries[id])
	}
	return times
}

// Record works like [Ledger.Record].
func (m *Memory) Record(_ context.Context, delivered map[int64]Delivery, failed map[int64]string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.deliveries, delivered)
	for id := range delivered {
		delete(m.failures, id)
	}
	for id, reason := range failed {
		f, known := m.failures[id]
		if !known {
			f = Failing{TenantID: id, Since: now}
		}
		f.Reason, f.Last = reason, now
		m.failures[id] = f
	}
	return nil
}

// Resume works like [Ledger.Resume].
func (m *Memory) Resume(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.resume, nil
}

// RecordResume works like [Ledger.RecordResume].
func (m *Memory) RecordResume(_ context.Context, id int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.resume = id
	return nil
}
