package rotate

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestFailuresAreGroupedInTheLog: one line a reason with a count and the first
// tenants, however many fail and whatever the reasons say.
func TestFailuresAreGroupedInTheLog(t *testing.T) {
	g, log := grouped{}, &strings.Builder{}
	for id := range int64(5000) {
		g.add(id, "zync answered 500")
	}
	g.add(7, "zync refuses the tenant's data")
	for id := range int64(100) {
		g.add(id, fmt.Sprint("of its own: ", id))
	}
	g.log(slog.New(slog.NewTextHandler(log, nil)))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != mostReasons+1 {
		t.Fatalf("%d lines", len(lines))
	}
	if !strings.Contains(lines[0], `tenants=5000 tenant_ids="[0 1 2 3 4 5 6 7 8 9]" err="zync answered 500"`) {
		t.Errorf("the first line is %s", lines[0])
	}
	if !strings.Contains(lines[1], "other reasons") || !strings.Contains(log.String(), `tenants=1 tenant_ids=[7] err="zync refuses`) {
		t.Errorf("the log says\n%s", log)
	}
}

// TestOwnerlessAreSaidOnce, and again when they change.
func TestOwnerlessAreSaidOnce(t *testing.T) {
	s := said{last: map[string]string{}}
	for i, run := range []struct {
		ids            []int64
		complete, said bool
	}{
		{nil, true, false},
		{[]int64{3}, false, true}, // a run that does not end says what it has met
		{[]int64{3, 9}, true, true},
		{[]int64{9, 3}, true, false}, // it began elsewhere
		{[]int64{3}, false, false},   // it has not met the others yet
		{[]int64{9, 3}, true, false}, // it began elsewhere
		{[]int64{9}, true, true},
		{nil, true, false},
		{[]int64{9}, true, true},
	} {
		if _, said := s.changed(t.Context(), aboutOwnerless, ownerlessText(len(run.ids), run.ids), run.complete); said != run.said {
			t.Errorf("run %d, %v: said %t", i, run.ids, said)
		}
	}
}
