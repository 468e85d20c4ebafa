package tasks

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func newTestLedger(t *testing.T) *Ledger {
	t.Helper()
	return NewLedger(servers.RedisClient(t), "token-scheduler:{"+t.Name()+time.Now().String()+"}:")
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
	must(t, l.Record(t.Context(), map[int64]time.Time{1: now, 2: now.Add(-40 * 24 * time.Hour)}, map[int64]string{3: "zync answered 500"}, now))
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
	value, err := l.client.HGet(t.Context(), l.failures(), "3").Result()
	must(t, err)
	if want := formatTime(now) + " first"; value != want {
		t.Errorf("failure %q, want %q: since when it fails must stay", value, want)
	}
	must(t, l.Record(t.Context(), map[int64]time.Time{3: now}, nil, now))
	if n, _ := l.client.HLen(t.Context(), l.failures()).Result(); n != 0 {
		t.Error("a delivery does not end a failure")
	}
}

func TestLedgerOfRuns(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	last, err := l.LastSuccess(t.Context(), Janitor)
	must(t, err)
	id, err := l.Resume(t.Context())
	must(t, err)
	if !last.IsZero() || id != 0 {
		t.Errorf("an empty ledger knows of %s and %d", last, id)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	must(t, l.RecordSuccess(t.Context(), Janitor, now))
	must(t, l.RecordResume(t.Context(), 42))
	last, err = l.LastSuccess(t.Context(), Janitor)
	must(t, err)
	id, err = l.Resume(t.Context())
	must(t, err)
	if !last.Equal(now) || id != 42 {
		t.Errorf("success %s and place %d, want %s and 42", last, id, now)
	}
}
