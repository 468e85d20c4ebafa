package ledger

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func newTestLedger(t *testing.T) *Ledger {
	t.Helper()
	return New(servers.RedisClient(t), "token-scheduler:{"+t.Name()+time.Now().String()+"}:", "here:1")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestLedgerOfDeliveries(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now().UTC().Truncate(time.Millisecond)
	must(t, l.Record(t.Context(), map[int64]Delivery{1: {At: now}, 2: {At: now.Add(-40 * 24 * time.Hour)}}, map[int64]string{3: "zync answered 500"}, now))
	must(t, l.Record(t.Context(), nil, nil, now))
	must(t, l.client.HSet(t.Context(), l.deliveries(), "4", "not ours").Err())
	times, err := l.Deliveries(t.Context(), []int64{1, 2, 3, 4})
	must(t, err)
	if !times[0].Equal(now) || !times[1].Equal(now.Add(-40*24*time.Hour)) || !times[2].IsZero() || !times[3].IsZero() {
		t.Errorf("deliveries %v", times)
	}
	must(t, l.Forget(t.Context(), now.Add(-30*24*time.Hour)))
	times, err = l.Deliveries(t.Context(), []int64{1, 2})
	must(t, err)
	if times[0].IsZero() || !times[1].IsZero() {
		t.Errorf("after a month: deliveries %v, want the first alone", times)
	}
}

func TestLedgerOfFailures(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now()
	must(t, l.Record(t.Context(), nil, map[int64]string{3: "first"}, now))
	must(t, l.Record(t.Context(), nil, map[int64]string{3: "second"}, now.Add(time.Hour)))
	must(t, l.Record(t.Context(), nil, map[int64]string{4: "of a tenant that is no more"}, now.Add(-time.Hour)))
	must(t, l.client.HSet(t.Context(), l.failures(), "x", "not ours", "5", "nor this").Err())
	ask := Ask{Since: now.Add(-time.Minute), Risky: now.Add(-12 * time.Hour), Limit: 10}
	found, err := l.Failures(t.Context(), ask)
	must(t, err)
	if len(found.Worst) != 1 || found.Failing != 1 || found.AtRisk != 1 || found.Matching != 1 {
		t.Fatalf("found %+v", found)
	}
	if f := found.Worst[0]; f.TenantID != 3 || f.Reason != "second" || !f.Delivered.IsZero() ||
		f.Since.UnixMilli() != now.UnixMilli() || f.Last.UnixMilli() != now.Add(time.Hour).UnixMilli() {
		t.Errorf("failure %+v: since when it fails must stay, and the last reason count", f)
	}
	at, err := l.FailedAt(t.Context(), []int64{2, 3, 5})
	must(t, err)
	if !at[0].IsZero() || at[1].UnixMilli() != now.Add(time.Hour).UnixMilli() || !at[2].IsZero() {
		t.Errorf("failed at %v", at)
	}
	must(t, l.Record(t.Context(), map[int64]Delivery{3: {At: now}}, nil, now))
	if found, err = l.Failures(t.Context(), ask); err != nil || found.Failing != 0 {
		t.Errorf("%+v, %v: a delivery ends a failure", found, err)
	}
	must(t, l.Forget(t.Context(), now.Add(-time.Minute)))
	if n, _ := l.client.HLen(t.Context(), l.failures()).Result(); n != 1 { // what is not ours
		t.Errorf("%d failures are left after an hour", n)
	}
}

func TestWorstFailuresComeFirst(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	now := time.Now().Truncate(time.Millisecond)
	failed, delivered := map[int64]string{}, map[int64]Delivery{}
	for id := int64(1); id <= 3000; id++ { // more than one step of the walk
		failed[id], delivered[id] = "zync answered 500", Delivery{At: now.Add(-time.Duration(id) * time.Minute)}
	}
	must(t, l.Record(t.Context(), delivered, nil, now))
	must(t, l.Record(t.Context(), nil, failed, now))
	found, err := l.Failures(t.Context(), Ask{Since: now, Risky: now.Add(-1000*time.Minute - time.Second), Limit: 5})
	must(t, err)
	if worst := found.Worst; found.Failing != 3000 || found.AtRisk != 2000 || len(worst) != 5 || worst[0].TenantID != 3000 || worst[4].TenantID != 2996 {
		t.Errorf("%d failing, %d at risk, first %+v", found.Failing, found.AtRisk, worst)
	}
}

func TestLedgerOfRuns(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	known, err := l.Tasks(t.Context(), "janitor")
	must(t, err)
	id, err := l.Resume(t.Context())
	must(t, err)
	if last := known["janitor"]; !last.Success.IsZero() || id != 0 {
		t.Errorf("an empty ledger knows of %+v and %d", last, id)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	run := Run{Task: "janitor", Outcome: "success", RunID: "r1", Ended: now, Duration: 60, Counts: map[string]int{"purged": 7}, Complete: true}
	must(t, l.RecordRun(t.Context(), run))
	later := func(id, outcome string, change func(*Run)) {
		r := run
		r.RunID, r.Outcome, r.Ended = id, outcome, now.Add(time.Hour)
		change(&r)
		must(t, l.RecordRun(t.Context(), r))
	}
	later("r2", "success", func(r *Run) { r.Chosen = true })
	later("r3", "failed", func(r *Run) { r.Complete, r.Error = false, "boom" })
	must(t, l.RecordResume(t.Context(), 42))
	id, err = l.Resume(t.Context())
	must(t, err)
	known, err = l.Tasks(t.Context(), "janitor", "rotate")
	must(t, err)
	h := known["janitor"]
	if h.Last == nil || h.Last.RunID != "r3" || h.Last.Outcome != "failed" || h.Last.Error != "boom" || h.Last.By != "here:1" ||
		!h.Success.Equal(now) || !h.Complete.Equal(now.Add(-time.Minute)) || id != 42 {
		t.Errorf("task %+v, last run %+v, place %d", h, h.Last, id)
	}
	later("r4", "partial", func(*Run) {})
	known, err = l.Tasks(t.Context(), "janitor", "rotate")
	must(t, err)
	if h := known["janitor"]; !h.Success.Equal(now) || !h.Complete.Equal(now.Add(59*time.Minute)) {
		t.Errorf("after a partial run: %+v", h)
	}
	if h := known["rotate"]; h.Last != nil || !h.Success.IsZero() || !h.Complete.IsZero() {
		t.Errorf("a task that never ran has %+v", h)
	}
	for range 2 * historyLength {
		later("more", "success", func(*Run) {})
	}
	runs, err := l.History(t.Context())
	must(t, err)
	if len(runs) != historyLength || runs[0].RunID != "more" {
		t.Errorf("%d runs in the history, the last is %+v", len(runs), runs[0])
	}
}

// TestResumeIsAHint: a place that can't be read begins at the first tenant.
func TestResumeIsAHint(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	for _, value := range []string{"x", "-1", "", "99999999999999999999", "1.5"} {
		must(t, l.client.Set(t.Context(), l.resume(), value, 0).Err())
		if id, err := l.Resume(t.Context()); id != 0 || err != nil {
			t.Errorf("%q: place %d, %v", value, id, err)
		}
	}
}
