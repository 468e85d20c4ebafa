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
}

// NewMemory returns an empty ledger.
func NewMemory() *Memory { return &Memory{deliveries: map[int64]Delivery{}} }

// Deliveries works like [Ledger.Deliveries].
func (m *Memory) Deliveries(_ context.Context, ids []int64) ([]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		times[i] = m.deliveries[id].At
	}
	return times, nil
}

// Minted works like [Ledger.Minted].
func (m *Memory) Minted(_ context.Context, ids []int64) ([]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	times := make([]time.Time, len(ids))
	for i, id := range ids {
		times[i] = m.deliveries[id].Minted
	}
	return times, nil
}

// Record works like [Ledger.Record], but stores no failures.
func (m *Memory) Record(_ context.Context, delivered map[int64]Delivery, _ map[int64]string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.deliveries, delivered)
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

// RecordRun does nothing, because no other process could read it.
func (*Memory) RecordRun(context.Context, Run) error { return nil }
