package ledger

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestProgressOfARun: a run's progress is known while it is at work, and gone when its
// end is recorded.
func TestProgressOfARun(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	must(t, l.RecordProgress(t.Context(), "rotate", Progress{RunID: "r1", Began: now, At: now, Done: 183, Failing: 13, Total: 196}))
	known, err := l.Tasks(t.Context(), "rotate")
	must(t, err)
	if p := known["rotate"].Progress; p == nil || p.By != "here:1" || p.Done != 183 || p.Failing != 13 || p.Total != 196 || !p.At.Equal(now) {
		t.Errorf("progress %+v", p)
	}
	for _, chosen := range []bool{false, true} {
		must(t, l.RecordProgress(t.Context(), "rotate", Progress{}))
		must(t, l.RecordRun(t.Context(), Run{Task: "rotate", Outcome: "success", Chosen: chosen}))
		known, err = l.Tasks(t.Context(), "rotate")
		must(t, err)
		if p := known["rotate"].Progress; p != nil {
			t.Errorf("chosen %t: after the run's end its progress is still %+v", chosen, p)
		}
	}
}

// TestProcesses: a daemon is there for half a minute after its last word, and a dead
// one is forgotten by the others.
func TestProcesses(t *testing.T) {
	t.Parallel()
	a := newTestLedger(t)
	b := New(a.client, a.prefix, "there:2")
	now := time.Now()
	must(t, a.Present(t.Context(), "a", now.Add(-time.Minute)))
	must(t, b.Present(t.Context(), "b", now))
	is := func(want ...string) {
		t.Helper()
		got, err := a.Processes(t.Context(), now)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("processes %q, want %q", got, want)
		}
	}
	is("b")
	if n := a.client.HLen(t.Context(), a.processes()).Val(); n != 1 {
		t.Errorf("%d entries: the dead process is not forgotten", n)
	}
	must(t, a.Present(t.Context(), "a", now))
	is("a", "b")
	must(t, b.Absent(t.Context()))
	is("a")
	if ttl := a.client.TTL(t.Context(), a.processes()).Val(); ttl <= 0 || ttl > time.Minute {
		t.Errorf("the key lives for %s after the last process has died", ttl)
	}
	must(t, a.client.HSet(t.Context(), a.processes(), "x", "not ours").Err())
	is("a")
}

// recorder is what both ledgers can do.
type recorder interface {
	Record(ctx context.Context, delivered map[int64]Delivery, failed map[int64]string, now time.Time) error
	Failures(ctx context.Context, ask Ask) (Failures, error)
	Tenant(ctx context.Context, id int64) (Fared, error)
	RecordRun(ctx context.Context, run Run) error
	History(ctx context.Context) ([]Run, error)
	Tasks(ctx context.Context, tasks ...string) (map[string]Task, error)
}

// TestFailuresAreGrouped, on Redis and in memory: reasons are counted, and a filter
// chooses what is listed and not what is counted.
func TestFailuresAreGrouped(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]recorder{"redis": newTestLedger(t), "memory": NewMemory("here:1")} {
		now := time.Now()
		must(t, l.Record(t.Context(), map[int64]Delivery{1: at(now.Add(-20 * time.Hour)), 2: at(now.Add(-time.Hour))}, nil, now))
		must(t, l.Record(t.Context(), nil, map[int64]string{1: "zync answered 500", 2: "zync answered 500", 3: "zync answered 422"}, now))
		found, err := l.Failures(t.Context(), Ask{
			Risky: now.Add(-12 * time.Hour), Limit: 10, Match: func(f Failing) bool { return strings.Contains(f.Reason, "422") },
		})
		must(t, err)
		if found.Failing != 3 || found.AtRisk != 2 || found.Matching != 1 || len(found.Worst) != 1 || found.Worst[0].TenantID != 3 ||
			found.Oldest.UnixMilli() != now.Add(-20*time.Hour).UnixMilli() {
			t.Errorf("%s: found %+v", name, found)
		}
		if want := []Reason{{"zync answered 500", 2}, {"zync answered 422", 1}}; !slices.Equal(found.Reasons, want) {
			t.Errorf("%s: reasons %+v, want %+v", name, found.Reasons, want)
		}
		one, err := l.Tenant(t.Context(), 1)
		must(t, err)
		if one.Failure == nil || one.Failure.Reason != "zync answered 500" || one.Delivery.At.IsZero() {
			t.Errorf("%s: tenant 1 %+v", name, one)
		}
		if none, err := l.Tenant(t.Context(), 9); err != nil || none.Failure != nil || !none.Delivery.At.IsZero() {
			t.Errorf("%s: a tenant that is not known: %+v, %v", name, none, err)
		}
		must(t, l.RecordRun(t.Context(), Run{Task: "rotate", Outcome: "partial", Complete: true, Ended: now, Duration: 60}))
		known, err := l.Tasks(t.Context(), "rotate")
		must(t, err)
		runs, err := l.History(t.Context())
		must(t, err)
		if r := known["rotate"]; r.Last == nil || r.Last.By != "here:1" || r.Complete.IsZero() || !r.Success.IsZero() || len(runs) != 1 {
			t.Errorf("%s: %+v, history %+v", name, r, runs)
		}
	}
}

// TestManyReasons: a reason that names its tenant does not fill memory.
func TestManyReasons(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	failed := map[int64]string{}
	for id := range int64(1000) {
		failed[id] = strings.Repeat("x", int(id))
	}
	must(t, l.Record(t.Context(), nil, failed, time.Now()))
	found, err := l.Failures(t.Context(), Ask{Limit: 1})
	must(t, err)
	if len(found.Reasons) > mostReasons+1 || found.Reasons[0].Tenants < 700 || found.Failing != 1000 {
		t.Errorf("%d reasons, the first is of %d tenants", len(found.Reasons), found.Reasons[0].Tenants)
	}
}

// at is a token that was delivered as soon as it was minted.
func at(t time.Time) Delivery { return Delivery{At: t, Minted: t} }
