package janitor

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// portaCache is how long Porta keeps its own token in a cache and may push it
	// again. A legacy token that was made less than that before the tenant's last
	// delivery may be at Zync again.
	portaCache = time.Hour
	// remembered is how long a delivery stays in the ledger. It is longer than the time
	// between two purges. Older deliveries belong to deleted tenants.
	remembered = 30 * 24 * time.Hour
)

// StaleTokens lists stale sync tokens by id; see [db.StaleTokens].
type StaleTokens interface {
	Page(ctx context.Context, after int64, now time.Time, rows int) (page []db.StaleToken, next int64, err error)
}

// Writer deletes tokens that are still stale; see [db.Writer].
type Writer interface {
	PurgeExpired(ctx context.Context, after, last int64, now time.Time) (int, error)
	PurgeLegacy(ctx context.Context, ids []int64) (int, error)
	Close() error
}

// Ledger knows when each tenant was last served; see [ledger.Ledger].
type Ledger interface {
	Deliveries(ctx context.Context, ids []int64) ([]time.Time, error)
	Forget(ctx context.Context, before time.Time) error
}

// Options are what a purge works with.
type Options struct {
	Tokens     StaleTokens
	OpenWriter func(ctx context.Context) (Writer, error) // the error is [db.ErrFenced] if another scheduler writes
	Ledger     Ledger
	Purged     prometheus.Counter
	Now        func() time.Time
	DryRun     bool // count what would be deleted; write nothing
}

// Janitor is the task.
type Janitor struct{ o Options }

// New returns a janitor.
func New(o Options) *Janitor { return &Janitor{o: o} }

// NewPurged registers the counter of deleted tokens.
func NewPurged(registry prometheus.Registerer) prometheus.Counter {
	purged := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "token_scheduler_tokens_purged_total",
		Help: "Stale sync tokens deleted from Porta's database.",
	})
	registry.MustRegister(purged)
	return purged
}

// Name implements [tasks.Task].
func (*Janitor) Name() string { return tasks.Janitor }

// Nothing implements [tasks.Task].
func (*Janitor) Nothing() tasks.Result { return (&tally{}).result() }

// Run implements [tasks.Task].
func (j *Janitor) Run(ctx context.Context, run tasks.Run) (tasks.Result, error) {
	s := &sweep{Janitor: j, run: run, now: j.o.Now(), rows: step, tally: &tally{said: time.Now()}}
	if err := s.open(ctx); err != nil {
		return j.Nothing(), err
	}
	err := s.table(ctx)
	s.close()
	if err == nil && !j.o.DryRun {
		j.forget(ctx, run, s.now.Add(-remembered))
	}
	result := s.tally.result()
	result.Complete = err == nil
	return result, err
}

// forgetTime limits the work on the ledger. It is less than a run may be without a step.
const forgetTime = 2 * time.Minute

func (j *Janitor) forget(ctx context.Context, run tasks.Run, before time.Time) {
	ctx, cancel := context.WithTimeout(ctx, forgetTime)
	defer cancel()
	run.Step()
	if err := j.o.Ledger.Forget(ctx, before); err != nil {
		run.Log.Warn("old deliveries not removed from the ledger; the next purge tries again", "err", err)
	}
}

// served returns the last delivery of each tenant with a legacy token on the page.
func (j *Janitor) served(ctx context.Context, page []db.StaleToken, now time.Time) (map[int64]time.Time, error) {
	var ids []int64
	for _, token := range page {
		if token.Legacy && token.TenantID.Valid {
			ids = append(ids, token.TenantID.Int64)
		}
	}
	if len(ids) == 0 {
		return nil, nil //nolint:nilnil // no tenant to ask about
	}
	times, err := j.o.Ledger.Deliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	served := make(map[int64]time.Time, len(ids))
	for i, id := range ids {
		served[id] = ledger.Believable(times[i], now)
	}
	return served, nil
}

// triage separates the tokens to delete from those to keep. Expired ones are deleted.
// Legacy ones are deleted if their tenant certainly has a newer one, or a placeholder: what
// Zync held before is gone.
func triage(page []db.StaleToken, served map[int64]time.Time) (expired int, legacy []int64, kept int) {
	for _, token := range page {
		at := served[token.TenantID.Int64]
		switch {
		case !token.Legacy:
			expired++
		case token.TenantID.Valid && at.After(token.CreatedAt.Time.Add(portaCache)):
			legacy = append(legacy, token.ID)
		default:
			kept++
		}
	}
	return expired, legacy, kept
}
