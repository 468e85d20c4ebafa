package rotate_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a rotation's, in memory and under virtual time.
type world struct {
	t     *testing.T
	porta *sim.Porta
	redis *sim.Redis
	zync  *sim.Zync
	o     rotate.Options
	log   *strings.Builder
}

func newWorld(t *testing.T, tenants int) *world {
	t.Helper()
	w := &world{t: t, porta: sim.NewPorta(tenants), redis: sim.NewRedis(), zync: sim.NewZync(), log: &strings.Builder{}}
	client, err := zync.NewClient(zync.Options{URL: "http://zync", Now: time.Now, Transport: w.zync})
	if err != nil {
		t.Fatal(err)
	}
	ledger := sim.NewLedger(w.redis)
	w.o = rotate.Options{
		Porta: rotate.Porta{
			Tenants: w.porta, Tokens: w.porta,
			OpenWriter: func(ctx context.Context) (rotate.Writer, error) {
				writer, err := w.porta.OpenWriter(ctx, "rotate", 15*time.Second)
				if err != nil {
					return nil, err
				}
				return writer, nil
			},
		},
		Records: rotate.Records{Ledger: ledger, Bookmark: ledger},
		Zync:    client,
		Metrics: rotate.NewMetrics(prometheus.NewRegistry(), 24*time.Hour, time.Now),
		Now:     time.Now, TTL: 24 * time.Hour, Concurrency: 3,
	}
	w.zync.Set(sim.Weather{Latency: 0})
	return w
}

// run rotates in the hour's window, by a new process.
func (w *world) run(drain <-chan struct{}) (tasks.Result, error) {
	return w.runBy(rotate.New(w.o), drain)
}

// runBy rotates in the hour's window.
func (w *world) runBy(r *rotate.Rotation, drain <-chan struct{}) (tasks.Result, error) {
	run := w.newRun(time.Now().Truncate(time.Hour))
	run.Drain = drain
	return r.Run(w.t.Context(), run)
}

// newRun is a run in the hour's window from start.
func (w *world) newRun(start time.Time) tasks.Run {
	return tasks.Run{
		Window: tasks.Window{Start: start, End: start.Add(time.Hour)}, Progress: func(tasks.Progress) {},
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func count(r tasks.Result, name string) int {
	for _, c := range r.Counts {
		if c.Name == name {
			return c.N
		}
	}
	return -1
}

func (w *world) expect(r tasks.Result, want map[string]int) {
	w.t.Helper()
	for name, n := range want {
		if got := count(r, name); got != n {
			w.t.Errorf("%s is %d, want %d (%+v)", name, got, n, r.Counts)
		}
	}
}

// allServed checks that Zync holds a token that Porta accepts for every tenant.
func (w *world) allServed() {
	w.t.Helper()
	for _, id := range w.porta.Tenants() {
		if token, found := w.porta.Token(w.zync.Holds(id)); !found || !token.Lives(time.Now()) {
			w.t.Errorf("tenant %d: Zync holds no token that Porta accepts", id)
		}
	}
}

// fails answers the pushes for some tenants with a status, and all others as usual.
func fails(status int, tenants ...int64) func(tenant int64) int {
	return func(tenant int64) int {
		if slices.Contains(tenants, tenant) {
			return status
		}
		return 0
	}
}
