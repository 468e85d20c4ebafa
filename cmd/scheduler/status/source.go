package status

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

const (
	// cacheFor is how long an answer is used again, so that many readers cost no more than
	// one.
	cacheFor    = 2 * time.Second
	readTimeout = 5 * time.Second
)

// The largest numbers of failing tenants that are listed.
const (
	ListOnPage   = 100
	ListOnScreen = 1000
)

// Ledger is what Redis remembers, or this process; see [ledger.Ledger] and
// [ledger.Memory].
type Ledger interface {
	Tasks(ctx context.Context, names ...string) (map[string]ledger.Task, error)
	Failures(ctx context.Context, ask ledger.Ask) (ledger.Failures, error)
	Tenant(ctx context.Context, id int64) (ledger.Fared, error)
	History(ctx context.Context) ([]ledger.Run, error)
	Processes(ctx context.Context, now time.Time) ([]string, error)
	Gateways(ctx context.Context) ([]ledger.Gateway, error)
	CountPlaceholders(ctx context.Context) (int, error)
}

// Options are what a status is read from.
type Options struct {
	Name   string // of the installation
	Ledger Ledger
	// Memory is what this process did while Redis was away; nil if it does nothing
	// then.
	Memory Ledger
	Self   Process
	// Holder returns what the holder of a lease says of itself, and false if nobody
	// holds it.
	Holder func(ctx context.Context, lease string) (text string, held bool, err error)
	// Porta returns the fingerprint of the Porta that the ledger belongs to, also with a
	// [tasks.ErrOtherPorta] or a [tasks.ErrPortaUnknown]. It is nil if nobody knows.
	Porta func(ctx context.Context) (fingerprint string, err error)
	// Accounts looks tenants up in Porta's database; nil if it can't be asked.
	Accounts func(ctx context.Context, ids []int64) (map[int64]Account, error)
	// Plan is assumed while nobody leads; a leader says what its own is.
	Plan Plan
	Now  func() time.Time
	// Clean makes a text from Redis printable; nil leaves it as it is.
	Clean func(string) string
}

// Query is what a reader asks for in particular.
type Query struct {
	Limit   int    // of the list of failing tenants
	Filter  string // lists those whose id, host or reason contains it
	Tenant  int64  // tells all that is known of one tenant; zero for none
	History bool   // lists the last runs
}

// Source reads the status from Redis.
type Source struct {
	o     Options
	hosts hosts

	mu   sync.Mutex
	last map[Query]answer
}

type answer struct {
	status Status
	err    error
	at     time.Time
}

// NewSource returns a source. It asks nothing yet.
func NewSource(o Options) *Source {
	if o.Clean == nil {
		o.Clean = func(text string) string { return text }
	}
	return &Source{o: o, last: map[Query]answer{}}
}

// Cached returns the status of a moment ago. It is safe for concurrent use.
func (s *Source) Cached(ctx context.Context, q Query) (Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, found := s.last[q]; found && time.Since(known.at) <= cacheFor {
		return known.status, known.err
	}
	for old, a := range s.last {
		if time.Since(a.at) > cacheFor {
			delete(s.last, old)
		}
	}
	// One reader that hangs up is no error for the others.
	st, err := s.Read(context.WithoutCancel(ctx), q)
	s.last[q] = answer{st, err, time.Now()}
	return st, err
}

// Read reads the status. If Redis does not answer, the error says why, and the status
// is what this process knows by itself.
func (s *Source) Read(ctx context.Context, q Query) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	st, err := s.read(ctx, s.o.Ledger, q)
	if err == nil {
		return st, nil
	}
	alone := s.empty(q)
	if s.o.Memory != nil {
		// What this process keeps in memory is at hand at once.
		alone, _ = s.read(context.WithoutCancel(ctx), s.o.Memory, q)
	}
	alone.RedisAway = true
	alone.Problems = problemsWithoutRedis(alone)
	return alone, err
}

func (s *Source) empty(q Query) Status {
	return Status{
		Name: s.o.Name, Now: s.o.Now().UTC().Truncate(time.Second), Query: q,
		Standbys: []Process{}, Gateways: []ledger.Gateway{}, Tasks: []Task{}, Reasons: []ledger.Reason{}, Failing: []Failing{}, Problems: []Problem{},
	}
}

func (s *Source) read(ctx context.Context, from Ledger, q Query) (Status, error) {
	st := s.empty(q)
	r := reading{Source: s, from: from, plan: s.o.Plan}
	for _, step := range []func(context.Context, *Status) error{r.porta, r.processes, r.gateways, r.placeholders, r.tasks, r.tenants, r.tenant, r.history} {
		if err := step(ctx, &st); err != nil {
			return st, err
		}
	}
	st.Problems = problems(st, r.plan)
	if !q.History {
		st.History = nil
	}
	return st, nil
}
