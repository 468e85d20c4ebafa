package status

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// cacheFor is how long a status is served again, so that many readers cost no
	// more than one.
	cacheFor    = 2 * time.Second
	readTimeout = 5 * time.Second
)

// The largest numbers of failing tenants that are listed.
const (
	ListOnPage   = 100
	ListOnScreen = 1000
)

// Ledger is what Redis remembers; see [ledger.Ledger].
type Ledger interface {
	Tasks(ctx context.Context, names ...string) (map[string]ledger.Task, error)
	Failures(ctx context.Context, since, risky time.Time, limit int) (worst []ledger.Failing, failing, atRisk int, err error)
}

// Options are what a status is read from.
type Options struct {
	Name   string // of the installation
	Ledger Ledger
	// Holder returns what the holder of a lease says of itself, and false if nobody
	// holds it.
	Holder func(ctx context.Context, lease string) (text string, held bool, err error)
	// Plan is assumed while nobody leads; a leader says what its own is.
	Plan Plan
	Now  func() time.Time
	// Clean makes a text from Redis printable; nil leaves it as it is.
	Clean func(string) string
}

// Source reads the status from Redis.
type Source struct {
	o Options

	mu   sync.Mutex
	last Status
	err  error
	at   time.Time // when last was read
}

// NewSource returns a source. It asks nothing yet.
func NewSource(o Options) *Source {
	if o.Clean == nil {
		o.Clean = func(text string) string { return text }
	}
	return &Source{o: o}
}

// Cached returns the status of a moment ago. It is safe for concurrent use.
func (s *Source) Cached(ctx context.Context) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) > cacheFor {
		// The answer is for everyone who asks now, also if the first of them leaves.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		s.last, s.err = s.Read(ctx, ListOnPage)
		s.at = time.Now()
	}
	return s.last, s.err
}

// Read asks Redis, and lists up to limit failing tenants. Beside an error it returns
// the status of an installation of which nothing is known.
func (s *Source) Read(ctx context.Context, limit int) (Status, error) {
	now := s.o.Now().Truncate(time.Second)
	st := Status{Name: s.o.Name, Now: now, Tasks: []Task{}, Failing: []Failing{}, Problems: []string{}}
	leader, err := s.holder(ctx, "leader")
	if err != nil {
		return st, err
	}
	st.Leader = leader
	plan := s.o.Plan
	if leader != nil {
		plan = leader.plan(plan) // it is the leader's schedule that fires
	}
	if err := s.readTasks(ctx, &st, plan); err != nil {
		return st, err
	}
	if err := s.readTenants(ctx, &st, plan.TokenTTL, limit); err != nil {
		return st, err
	}
	st.Problems = problems(st, plan)
	return st, nil
}

func (s *Source) holder(ctx context.Context, lease string) (*Process, error) {
	text, held, err := s.o.Holder(ctx, lease)
	if err != nil || !held {
		return nil, err
	}
	return decode(text).clean(s.o.Clean), nil
}

func (s *Source) readTasks(ctx context.Context, st *Status, plan Plan) error {
	known, err := s.o.Ledger.Tasks(ctx, tasks.Rotate, tasks.Janitor)
	if err != nil {
		return err
	}
	for _, name := range []string{tasks.Rotate, tasks.Janitor} {
		running, err := s.holder(ctx, "run:"+name)
		if err != nil {
			return err
		}
		t := known[name]
		st.Tasks = append(st.Tasks, Task{
			Task: name, RunningBy: running, Last: s.cleanRun(t.Last),
			LastComplete: t.Complete, LastSuccess: t.Success, Next: plan.schedule(name).Next(st.Now),
		})
	}
	return nil
}

// cleanRun returns a run as it may be printed.
func (s *Source) cleanRun(run *ledger.Run) *ledger.Run {
	if run == nil {
		return nil
	}
	clean := *run
	for _, text := range []*string{&clean.Task, &clean.RunID, &clean.Outcome, &clean.By, &clean.Error} {
		*text = s.o.Clean(*text)
	}
	return &clean
}

func (s *Source) readTenants(ctx context.Context, st *Status, ttl time.Duration, limit int) error {
	rotate := st.task(tasks.Rotate)
	risky := st.Now.Add(-ttl / 2)
	// A rotation that reaches everyone notes every failure anew. A tenant that failed
	// before the last one, and not in it, no longer exists.
	worst, failing, atRisk, err := s.o.Ledger.Failures(ctx, rotate.LastComplete, risky, limit)
	if err != nil {
		return err
	}
	for _, f := range worst {
		tenant := Failing{
			TenantID: f.TenantID, Reason: s.o.Clean(f.Reason), Since: f.Since, LastDelivery: f.Delivered, AtRisk: f.Delivered.Before(risky),
		}
		if !f.Delivered.IsZero() {
			tenant.TokenDies = f.Delivered.Add(ttl)
		}
		st.Failing = append(st.Failing, tenant)
	}
	st.Tenants = Tenants{Failing: failing, AtRisk: atRisk}
	if rotate.Last == nil {
		return nil
	}
	counts := rotate.Last.Counts
	st.Tenants.Served, st.Tenants.NoOwner = counts["delivered"]+counts["already"], counts["no_owner"]
	if !rotate.LastComplete.IsZero() && rotate.LastComplete.Before(risky) {
		st.Tenants.AtRisk = max(atRisk, counts["tenants"]-counts["no_owner"])
	}
	return nil
}

func (st Status) task(name string) Task {
	for _, t := range st.Tasks {
		if t.Task == name {
			return t
		}
	}
	return Task{}
}
