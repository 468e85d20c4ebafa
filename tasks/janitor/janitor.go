package janitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// step is how many stale tokens are looked at, and at most deleted, at once.
	step = 1000
	// portaCache is how long Porta keeps a token of its own at hand and may push
	// it again. A legacy token that is older than the tenant's last delivery by
	// less may have come back to Zync after it.
	portaCache = time.Hour
	// remembered is how long a delivery stays in the ledger: longer than a purge
	// is from the next. Older ones belong to tenants that are no more.
	remembered    = 30 * 24 * time.Hour
	progressEvery = 10 * time.Second
)

// StaleTokens lists stale sync tokens by id; see [db.StaleTokens].
type StaleTokens interface {
	Page(ctx context.Context, after int64, now time.Time, limit int) ([]db.StaleToken, error)
}

// Writer deletes tokens, and only such as are still stale; see [db.Writer].
type Writer interface {
	PurgeExpired(ctx context.Context, ids []int64, now time.Time) (int, error)
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
	OpenWriter func(ctx context.Context) (Writer, error) // [db.ErrFenced] where another writes
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
	now := j.o.Now()
	var writer Writer = dryWriter{}
	if !j.o.DryRun {
		opened, err := j.o.OpenWriter(ctx)
		if errors.Is(err, db.ErrFenced) {
			return j.Nothing(), fmt.Errorf("%w: %w", tasks.ErrBusy, err)
		}
		if err != nil {
			return j.Nothing(), err
		}
		writer = opened
	}
	t := &tally{said: time.Now()}
	err := j.sweep(ctx, run, writer, t, now)
	if closeErr := writer.Close(); closeErr != nil {
		run.Log.Warn("writer not closed cleanly; MySQL closes it by itself", "err", closeErr)
	}
	if err == nil && !j.o.DryRun {
		if err := j.o.Ledger.Forget(ctx, now.Add(-remembered)); err != nil {
			run.Log.Warn("old deliveries not forgotten; the next purge tries again", "err", err)
		}
	}
	result := t.result()
	result.Complete = err == nil
	return result, err
}

// sweep goes over the stale tokens from the first to the last.
func (j *Janitor) sweep(ctx context.Context, run tasks.Run, writer Writer, t *tally, now time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	next := j.fetch(ctx, 0, now)
	defer func() { cancel(); <-next }()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-run.Drain:
			return errDrained
		default:
		}
		got := <-next
		if got.err != nil || len(got.page) == 0 {
			return got.err
		}
		last := got.page[len(got.page)-1].ID
		if len(got.page) == step {
			next = j.fetch(ctx, last, now) // while this one is purged
		}
		if err := j.purge(ctx, writer, got.page, t, now); err != nil {
			return err
		}
		t.progress(run, last)
	}
}

// fetched is a page of stale tokens; an empty one is the end.
type fetched struct {
	page []db.StaleToken
	err  error
}

// fetch reads the page behind an id. What it returns yields that page, and then
// empty ones.
func (j *Janitor) fetch(ctx context.Context, after int64, now time.Time) <-chan fetched {
	pages := make(chan fetched, 1)
	go func() {
		defer close(pages)
		var f fetched
		f.err = tasks.Safely(func() (err error) {
			f.page, err = j.o.Tokens.Page(ctx, after, now, step)
			return err
		})
		pages <- f
	}()
	return pages
}

var errDrained = errors.New("told to stop before every stale token was purged; the next start makes up for it")

func (j *Janitor) purge(ctx context.Context, writer Writer, page []db.StaleToken, t *tally, now time.Time) error {
	served, err := j.served(ctx, page, now)
	if err != nil {
		return err
	}
	expired, legacy, kept := triage(page, served)
	t.kept += kept
	purgedExpired, err := writer.PurgeExpired(ctx, expired, now)
	t.purged += purgedExpired
	j.count(purgedExpired)
	if err != nil {
		return err
	}
	purgedLegacy, err := writer.PurgeLegacy(ctx, legacy)
	t.purged += purgedLegacy
	j.count(purgedLegacy)
	return err
}

func (j *Janitor) count(purged int) {
	if !j.o.DryRun {
		j.o.Purged.Add(float64(purged))
	}
}

// served returns the last delivery of each tenant that has a legacy token on the
// page.
func (j *Janitor) served(ctx context.Context, page []db.StaleToken, now time.Time) (map[int64]time.Time, error) {
	var ids []int64
	for _, token := range page {
		if token.Legacy && token.TenantID.Valid {
			ids = append(ids, token.TenantID.Int64)
		}
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

// triage tells the tokens to delete from those to keep: expired ones go, and legacy
// ones go where their tenant has surely been given a newer one.
func triage(page []db.StaleToken, served map[int64]time.Time) (expired, legacy []int64, kept int) {
	for _, token := range page {
		at := served[token.TenantID.Int64]
		switch {
		case !token.Legacy:
			expired = append(expired, token.ID)
		case token.TenantID.Valid && at.After(token.CreatedAt.Time.Add(portaCache)):
			legacy = append(legacy, token.ID)
		default:
			kept++
		}
	}
	return expired, legacy, kept
}
