package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// status is how an installation fares, as far as Redis knows.
type status struct {
	Name    string       `json:"name"`
	Now     time.Time    `json:"now"`
	This    *this        `json:"this,omitempty"`
	Leader  *holder      `json:"leader"`
	Tasks   []taskStatus `json:"tasks"`
	Tenants tenantCounts `json:"tenants"`
	// Failing are those first that have waited longest for a token; Tenants has
	// their number.
	Failing  []failingTenant `json:"failing"`
	Problems []string        `json:"problems"`
}

// this is the process that answers.
type this struct {
	holder
	Role string `json:"role"` // leader, standby, or without_redis
}

type taskStatus struct {
	Task        string      `json:"task"`
	RunningBy   *holder     `json:"running_by,omitempty"`
	Last        *ledger.Run `json:"last,omitempty"`
	LastSuccess time.Time   `json:"last_success,omitzero"`
	Next        time.Time   `json:"next,omitzero"`
}

type tenantCounts struct {
	Served  int `json:"served"`
	Failing int `json:"failing"`
	AtRisk  int `json:"at_risk"`
	NoOwner int `json:"no_owner"`
}

type failingTenant struct {
	TenantID     int64     `json:"tenant_id"`
	Reason       string    `json:"reason"`
	Since        time.Time `json:"since"`
	LastDelivery time.Time `json:"last_delivery,omitzero"`
	// TokenDies is when the token that Zync holds ends, where it is known.
	TokenDies time.Time `json:"token_dies,omitzero"`
	AtRisk    bool      `json:"at_risk"`
}

// statusSource reads the status from Redis.
type statusSource struct {
	redis  redis.UniversalClient
	ledger *ledger.Ledger
	prefix string
	cfg    config.Config
	now    func() time.Time

	mu   sync.Mutex
	last status // for statusAge, so that many readers cost no more than one
	err  error
	at   time.Time
}

const (
	statusAge     = 2 * time.Second
	statusTimeout = 5 * time.Second
	listOnPage    = 100
	listOnScreen  = 1000
)

// cached is the status as it was a moment ago.
func (s *statusSource) cached(ctx context.Context) (status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) > statusAge {
		// Who asked may go away; the answer is for all who ask now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusTimeout)
		defer cancel()
		s.last, s.err = s.read(ctx, listOnPage)
		s.at = time.Now()
	}
	return s.last, s.err
}

// read asks Redis. Beside an error the status is that of an installation of which
// nothing is known.
func (s *statusSource) read(ctx context.Context, limit int) (status, error) {
	now := s.now().Truncate(time.Second)
	st := status{Name: s.cfg.Name, Now: now, Tasks: []taskStatus{}, Failing: []failingTenant{}, Problems: []string{}}
	leader, err := s.holder(ctx, "leader")
	if err != nil {
		return st, err
	}
	st.Leader = leader
	histories, err := s.ledger.Tasks(ctx, tasks.Rotate, tasks.Janitor)
	if err != nil {
		return st, err
	}
	for _, name := range []string{tasks.Rotate, tasks.Janitor} {
		running, err := s.holder(ctx, "run:"+name)
		if err != nil {
			return st, err
		}
		h := histories[name]
		st.Tasks = append(st.Tasks, taskStatus{
			Task: name, RunningBy: running, Last: h.Last, LastSuccess: h.Success, Next: s.schedule(leader, name).Next(now),
		})
	}
	if err := s.readTenants(ctx, &st, histories[tasks.Rotate], limit); err != nil {
		return st, err
	}
	st.Problems = s.problems(st, histories)
	return st, nil
}

func (s *statusSource) holder(ctx context.Context, lease string) (*holder, error) {
	text, held, err := locks.Holder(ctx, s.redis, s.prefix+lease)
	if err != nil || !held {
		return nil, err
	}
	return decodeHolder(text), nil
}

// schedule is the leader's, which is what will fire; ours where nobody leads.
func (s *statusSource) schedule(leader *holder, task string) tasks.Schedule {
	ours := map[string]tasks.Schedule{tasks.Rotate: s.cfg.Schedule.Rotate, tasks.Janitor: s.cfg.Schedule.Janitor}[task]
	if leader == nil {
		return ours
	}
	location, err := time.LoadLocation(leader.Timezone)
	if err != nil {
		return ours
	}
	spec := map[string]string{tasks.Rotate: leader.RotateSchedule, tasks.Janitor: leader.JanitorSchedule}[task]
	theirs, err := tasks.ParseSchedule(spec, location)
	if err != nil {
		return ours
	}
	return theirs
}

// ttl is a token's life, by the leader's word where somebody leads.
func (s *statusSource) ttl(leader *holder) time.Duration {
	if leader != nil {
		if ttl, err := time.ParseDuration(leader.TokenTTL); err == nil && ttl > 0 {
			return ttl
		}
	}
	return s.cfg.Schedule.TokenTTL
}

func (s *statusSource) readTenants(ctx context.Context, st *status, h ledger.Task, limit int) error {
	ttl := s.ttl(st.Leader)
	risky := st.Now.Add(-ttl / 2)
	// What failed before the last rotation that reached everyone, and not in it,
	// is a tenant that is no more.
	worst, failing, atRisk, err := s.ledger.Failures(ctx, h.Complete, risky, limit)
	if err != nil {
		return err
	}
	for _, f := range worst {
		tenant := failingTenant{
			TenantID: f.TenantID, Reason: f.Reason, Since: f.Since, LastDelivery: f.Delivered, AtRisk: f.Delivered.Before(risky),
		}
		if !f.Delivered.IsZero() {
			tenant.TokenDies = f.Delivered.Add(ttl)
		}
		st.Failing = append(st.Failing, tenant)
	}
	st.Tenants = tenantCounts{Failing: failing, AtRisk: atRisk}
	if h.Last != nil {
		counts := h.Last.Counts
		st.Tenants.Served, st.Tenants.NoOwner = counts["delivered"]+counts["already"], counts["no_owner"]
		if !h.Complete.IsZero() && h.Complete.Before(risky) {
			st.Tenants.AtRisk = max(atRisk, counts["tenants"]-counts["no_owner"])
		}
	}
	return nil
}

// problems says what an operator should look at, the worst first.
func (s *statusSource) problems(st status, histories map[string]ledger.Task) []string {
	found := []string{}
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if st.Tenants.AtRisk > 0 {
		say("tenants at risk, whose token at Zync is older than half its life or of unknown age: %d", st.Tenants.AtRisk)
	}
	if st.Leader == nil {
		say("nobody leads: is a daemon running?")
	}
	for _, t := range st.Tasks {
		schedule := s.schedule(st.Leader, t.Task)
		window := schedule.Window(st.Now)
		before := schedule.Window(window.Start.Add(-time.Nanosecond))
		switch done := latest(histories[t.Task].Complete, t.LastSuccess); {
		case t.Task == tasks.Rotate && t.Last == nil:
			say("no rotation is on record")
		case t.Task == tasks.Rotate && done.Before(before.Start):
			say("no rotation has reached everyone for two windows")
		case t.Task == tasks.Janitor && t.Last == nil && (st.Leader == nil || st.Leader.Started.After(before.Start)):
			// a young installation: the first is still to come
		case t.Task == tasks.Janitor && t.LastSuccess.Before(before.Start):
			say("no purge has succeeded for two windows")
		}
		if t.Last != nil && t.Last.Error != "" && t.RunningBy == nil {
			say("the last run of %s: %s", t.Task, t.Last.Error)
		}
	}
	if st.Tenants.Failing > 0 {
		say("tenants failing, whose last push to Zync did not succeed: %d", st.Tenants.Failing)
	}
	return found
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
