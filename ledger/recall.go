package ledger

import (
	"context"
	"maps"
	"slices"
	"time"
)

// RecordRun works like [Ledger.RecordRun].
func (m *Memory) RecordRun(_ context.Context, run Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	run.By = m.by
	m.history = append([]Run{run}, m.history[:min(len(m.history), historyLength-1)]...)
	if run.Chosen {
		return nil
	}
	known, times := m.runs[run.Task], run.Times()
	known.Last, known.Progress = &run, nil
	if !times.Complete.IsZero() {
		known.Complete = times.Complete
	}
	if !times.Success.IsZero() {
		known.Success = times.Success
	}
	m.runs[run.Task] = known
	return nil
}

// RecordProgress works like [Ledger.RecordProgress].
func (m *Memory) RecordProgress(_ context.Context, task string, p Progress) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.By = m.by
	known := m.runs[task]
	known.Progress = &p
	m.runs[task] = known
	return nil
}

// Tasks works like [Ledger.Tasks].
func (m *Memory) Tasks(context.Context, ...string) (map[string]Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.runs), nil
}

// History works like [Ledger.History].
func (m *Memory) History(context.Context) ([]Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.history), nil
}

// Failures works like [Ledger.Failures].
func (m *Memory) Failures(_ context.Context, ask Ask) (Failures, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newCollection(ask)
	for _, f := range m.failures {
		f.Delivered, f.Minted = m.deliveries[f.TenantID].At, m.deliveries[f.TenantID].Minted
		c.add(f)
	}
	return c.done(), nil
}

// Tenant works like [Ledger.Tenant].
func (m *Memory) Tenant(_ context.Context, id int64) (Fared, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fared := Fared{Delivery: m.deliveries[id]}
	if f, failed := m.failures[id]; failed {
		fared.Failure = &f
	}
	return fared, nil
}

// Processes works like [Ledger.Processes], but knows of no other process.
func (*Memory) Processes(context.Context, time.Time) ([]string, error) { return nil, nil }

// Gateways works like [Ledger.Gateways], but knows of no gateway.
func (*Memory) Gateways(context.Context) ([]Gateway, error) { return nil, nil }

// CountPlaceholders works like [Ledger.CountPlaceholders]. Without Redis none is pushed.
func (*Memory) CountPlaceholders(context.Context) (int, error) { return 0, nil }
