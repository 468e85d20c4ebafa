package status

import (
	"context"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// TestTenantsWithoutToken: a tenant that gets no token is not at risk, as in the counts,
// and what is said of it is the cause.
func TestTenantsWithoutToken(t *testing.T) {
	w := newWorld(t, time.Now().UTC())
	w.o.Accounts = func(context.Context, []int64) (map[int64]Account, error) {
		return map[int64]Account{37: {Host: "t37-admin.example.com"}, 38: {OwnerID: 1}}, nil
	}
	for id, want := range map[int64]struct {
		risk bool
		said string
	}{
		37: {false, "tenant 37 has no owner: give it an admin in Porta"},
		38: {true, "tenant 38: no delivery is on record"},
		39: {false, "tenant 39: Porta has no tenant with this id"},
	} {
		st, err := w.Read(t.Context(), Query{Tenant: id})
		if err != nil {
			t.Fatal(err)
		}
		if st.Tenant.AtRisk != want.risk || len(st.Problems) != 1 || st.Problems[0].Text != want.said {
			t.Errorf("tenant %d: at risk %v, %q", id, st.Tenant.AtRisk, st.Problems)
		}
	}
}

// TestServedBy: a run that followed at once, and found the tenant served, did not serve it.
func TestServedBy(t *testing.T) {
	now := time.Now().UTC()
	w := newWorld(t, now)
	delivered := now.Add(-time.Minute).Truncate(time.Millisecond)
	if err := w.ledger.Record(t.Context(), map[int64]ledger.Delivery{42: {At: delivered}}, nil, now); err != nil {
		t.Fatal(err)
	}
	for i, run := range []ledger.Run{
		{RunID: "served", Counts: map[string]int{"delivered": 50}},
		{RunID: "found", Counts: map[string]int{"already": 50}},
		{RunID: "another", Counts: map[string]int{"delivered": 1}},
	} {
		run.Task, run.Duration = tasks.Rotate, 0.2
		run.Ended = delivered.Add(100*time.Millisecond + time.Duration(i)*200*time.Millisecond)
		if err := w.ledger.RecordRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	st, err := w.Read(t.Context(), Query{Tenant: 42})
	if err != nil {
		t.Fatal(err)
	}
	if st.Tenant.RunID != "served" {
		t.Errorf("served by run %q", st.Tenant.RunID)
	}
}
