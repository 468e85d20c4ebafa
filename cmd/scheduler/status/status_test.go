package status

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// world is an installation on an empty Redis, at a time.
type world struct {
	*Source
	redis  *redis.Client
	ledger *ledger.Ledger
	prefix string
}

func newWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	plan := Plan{Timezone: time.UTC, TokenTTL: 24 * time.Hour}
	var err error
	for spec, schedule := range map[string]*tasks.Schedule{"0 * * * *": &plan.Rotate, "0 0 * * 0": &plan.Janitor} {
		if *schedule, err = tasks.ParseSchedule(spec, time.UTC); err != nil {
			t.Fatal(err)
		}
	}
	w := &world{redis: servers.RedisClient(t), prefix: "p:{" + t.Name() + "}:"}
	w.ledger = ledger.New(w.redis, w.prefix, "here:1")
	w.Source = NewSource(Options{
		Name: t.Name(), Ledger: w.ledger, Plan: plan, Now: func() time.Time { return now },
		Holder: func(ctx context.Context, lease string) (string, bool, error) {
			return locks.Holder(ctx, w.redis, w.prefix+lease)
		},
	})
	return w
}

func (w *world) ran(t *testing.T, task string, outcome tasks.Outcome, complete bool, ended time.Time) {
	t.Helper()
	err := w.ledger.RecordRun(t.Context(), ledger.Run{
		Task: task, RunID: "r", Outcome: string(outcome), Duration: 60, Ended: ended, Complete: complete,
		Counts: map[string]int{"tenants": 50, "delivered": 48, "no_owner": 2},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// says is true if a problem holds a text.
func says(st Status, text string) bool {
	return slices.ContainsFunc(st.Problems, func(p Problem) bool { return strings.Contains(p.Text, text) })
}

func TestStatusProblems(t *testing.T) {
	now := time.Date(2026, 11, 18, 12, 30, 0, 0, time.UTC) // a Wednesday
	for name, c := range map[string]struct {
		rotated  time.Duration // how long ago the last complete rotation ended
		outcome  tasks.Outcome
		purged   time.Duration
		atRisk   int
		problems []string // beside that nobody leads
	}{
		"an hour like any other":         {29 * time.Minute, tasks.Success, 3 * 24 * time.Hour, 0, nil},
		"some tenants failed":            {29 * time.Minute, tasks.Partial, 3 * 24 * time.Hour, 0, nil},
		"one window was missed":          {80 * time.Minute, tasks.Success, 3 * 24 * time.Hour, 0, nil},
		"two windows were missed":        {100 * time.Minute, tasks.Success, 3 * 24 * time.Hour, 0, []string{"no rotation has reached everyone for two windows"}},
		"half a token's life has passed": {13 * time.Hour, tasks.Success, 3 * 24 * time.Hour, 48, []string{"tenants at risk", "no rotation has reached everyone for two windows"}},
		"no purge for two weeks":         {29 * time.Minute, tasks.Success, 14 * 24 * time.Hour, 0, []string{"no purge has succeeded for two windows"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, now)
			w.ran(t, tasks.Rotate, c.outcome, true, now.Add(-c.rotated))
			w.ran(t, tasks.Janitor, tasks.Success, true, now.Add(-c.purged))
			st, err := w.Read(t.Context(), Query{Limit: ListOnPage})
			if err != nil {
				t.Fatal(err)
			}
			if st.Tenants.AtRisk != c.atRisk || st.Tenants.Served != 48 || st.Tenants.NoOwner != 2 {
				t.Errorf("tenants %+v, want %d at risk", st.Tenants, c.atRisk)
			}
			if len(st.Problems) != len(c.problems)+1 {
				t.Errorf("problems %q, want %q and that nobody leads", st.Problems, c.problems)
			}
			for _, want := range append(c.problems, "nobody leads") {
				if !says(st, want) {
					t.Errorf("no %q among %q", want, st.Problems)
				}
			}
		})
	}
}

// TestStatusGoesByTheLeader: schedule and token TTL are the leader's, also where the
// process that asks has another configuration.
func TestStatusGoesByTheLeader(t *testing.T) {
	now := time.Now().UTC()
	w := newWorld(t, now)
	leader := ThisProcess("dev", w.o.Plan, now)
	leader.RotateSchedule, leader.TokenTTL, leader.Timezone = "@every 10s", "1m", "Europe/Berlin"
	lease, err := locks.New(w.redis, w.prefix, time.Minute, leader.Encode()).Acquire(t.Context(), "leader")
	if err != nil {
		t.Fatal(err)
	}
	w.ran(t, tasks.Rotate, tasks.Partial, true, now.Add(-5*time.Second))
	delivered := now.Add(-40 * time.Second).Truncate(time.Millisecond)
	if err := w.ledger.Record(t.Context(), map[int64]ledger.Delivery{7: {At: delivered}}, nil, now); err != nil {
		t.Fatal(err)
	}
	if err := w.ledger.Record(t.Context(), nil, map[int64]string{7: "zync answered 500"}, now); err != nil {
		t.Fatal(err)
	}
	st, err := w.Read(t.Context(), Query{Limit: ListOnPage})
	if err != nil {
		t.Fatal(err)
	}
	if st.Leader == nil || st.Leader.PID != leader.PID || st.Tasks[0].Next.Sub(st.Now) > 10*time.Second {
		t.Errorf("leader %+v, next at %s, now is %s", st.Leader, st.Tasks[0].Next, st.Now)
	}
	if len(st.Failing) != 1 || !st.Failing[0].AtRisk || !st.Failing[0].TokenExpires.Equal(delivered.Add(time.Minute)) {
		t.Errorf("failing %+v: a token of a minute's life is at risk after forty seconds", st.Failing)
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	if st, err = w.Read(t.Context(), Query{Limit: ListOnPage}); err != nil || st.Leader != nil || st.Failing[0].AtRisk {
		t.Errorf("without a leader: %+v, %v", st, err)
	}
	// A lease that another version holds.
	w.redis.Set(t.Context(), w.prefix+"leader", "0123456789012345678901", time.Minute)
	if st, err = w.Read(t.Context(), Query{Limit: ListOnPage}); err != nil || st.Leader == nil || st.Leader.Host != "unknown" {
		t.Errorf("beside another version: %+v, %v", st, err)
	}
}

func TestShortDurations(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 40 * time.Millisecond: "40ms", 1234 * time.Millisecond: "1.2s", 63 * time.Second: "1m3s",
		5*time.Hour + 12*time.Minute + 40*time.Second: "5h12m", 76 * time.Hour: "3d4h",
	} {
		if got := short(d); got != want {
			t.Errorf("%d is %q, want %q", d, got, want)
		}
	}
}

// TestStatusWithoutRedis: a daemon that goes on without Redis says what it does by
// itself, and nothing of what only Redis knows.
func TestStatusWithoutRedis(t *testing.T) {
	now := time.Now().UTC()
	w := newWorld(t, now)
	_ = w.redis.Close()
	st, err := w.Read(t.Context(), Query{Limit: ListOnPage})
	if err == nil || !st.RedisAway || len(st.Problems) != 1 || len(st.Tasks) != 0 {
		t.Errorf("with nothing in memory: %+v, %v", st, err)
	}
	memory := ledger.NewMemory("here:1")
	w.o.Memory, w.o.Self = memory, Process{Host: "here", PID: 1}
	if st, _ = w.Read(t.Context(), Query{Limit: ListOnPage}); len(st.Problems) != 1 {
		t.Errorf("before it has gone alone: problems %q", st.Problems)
	}
	for _, err := range []error{
		memory.Record(t.Context(), map[int64]ledger.Delivery{1: {At: now, Minted: now}}, map[int64]string{2: "zync answered 500"}, now),
		memory.RecordRun(t.Context(), ledger.Run{Task: tasks.Rotate, Outcome: "partial", Complete: true, Ended: now, Counts: map[string]int{"tenants": 2, "delivered": 1}}),
		memory.RecordProgress(t.Context(), tasks.Rotate, ledger.Progress{Done: 1, Total: 2}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	st, err = w.Read(t.Context(), Query{Limit: ListOnPage})
	rotate := st.task(tasks.Rotate)
	if err == nil || rotate.Last == nil || rotate.RunningBy == nil || rotate.Progress == nil || st.Tenants.Served != 1 || len(st.Failing) != 1 {
		t.Errorf("what it did by itself: %+v, %v", st, err)
	}
	if !says(st, "under MySQL's lock alone") || !says(st, "1 tenant failing") || says(st, "nobody leads") {
		t.Errorf("problems %q", st.Problems)
	}
}
