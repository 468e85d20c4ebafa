package status

import (
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// TestStatusOfPlaceholders: for whom Zync holds one, whether a gateway carries, and why
// live tokens are pushed if none does.
func TestStatusOfPlaceholders(t *testing.T) {
	now := time.Date(2026, 11, 18, 12, 30, 0, 0, time.UTC)
	day := now.Add(-24 * time.Hour)
	for name, c := range map[string]struct {
		asked   bool
		gateway *ledger.Gateway
		held    int
		atRisk  int
		text    string // of its line; empty for none
		problem string // empty for none
	}{
		"nothing of the kind": {},
		"asked for, carried": {true, &ledger.Gateway{LastRequest: now.Add(-time.Hour)}, 3, 0,
			"3 tenants with a placeholder at Zync; a gateway carries", ""},
		"asked for, without a gateway": {true, nil, 0, 0,
			"live tokens are pushed: no gateway is alive", "live tokens are pushed in place of placeholders: no gateway is alive"},
		"out, without a gateway": {true, nil, 3, 3,
			"3 tenants with a placeholder", "Zync may hold a placeholder for 3 tenants, and no gateway is alive"},
		"out, and Zync asks no more": {true, &ledger.Gateway{LastRequest: day.Add(-time.Minute)}, 3, 0,
			"live tokens are pushed: no live gateway has carried", "no live gateway has carried a request from Zync in the last 24 hours"},
		"out, and the gateway was restarted": {true, &ledger.Gateway{}, 3, 0,
			"live tokens are pushed: no live gateway has carried", "Zync may hold a placeholder for 3 tenants"},
		"on the way back": {false, &ledger.Gateway{LastRequest: now}, 3, 0, "live tokens are pushed, as --push asks", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, now)
			w.o.Plan.Placeholder = c.asked
			w.ran(t, tasks.Rotate, tasks.Success, true, now.Add(-29*time.Minute))
			if c.gateway != nil {
				must(t, w.ledger.RecordGateway(t.Context(), *c.gateway, now))
			}
			held := map[int64]ledger.Delivery{}
			for id := range int64(c.held) {
				held[id+1] = ledger.Delivery{At: day, Placeholder: day}
			}
			must(t, w.ledger.Record(t.Context(), held, nil, now))
			st, err := w.Read(t.Context(), Query{})
			must(t, err)
			if st.Tenants.AtRisk != c.atRisk {
				t.Errorf("%d at risk, want %d", st.Tenants.AtRisk, c.atRisk)
			}
			if (c.text == "") != (st.Placeholders == nil) || !strings.Contains(st.Text(), c.text) {
				t.Errorf("the text does not say %q:\n%s", c.text, st.Text())
			}
			if c.problem != "" && !says(st, c.problem) {
				t.Errorf("problems %v, want %q", st.Problems, c.problem)
			}
			if c.problem == "" && (says(st, "placeholder") || says(st, "at risk")) {
				t.Errorf("problems %v, want none of placeholders", st.Problems)
			}
			if c.held == 0 {
				return
			}
			one, err := w.Read(t.Context(), Query{Tenant: 1})
			must(t, err)
			if one.Tenant.AtRisk != (c.atRisk > 0) || !strings.Contains(one.Text(), "Zync may hold it") {
				t.Errorf("the tenant: at risk %t, text\n%s", one.Tenant.AtRisk, one.Text())
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
