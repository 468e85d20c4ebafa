package tests

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// failing makes Zync answer some tenants with a status.
func failing(status int, fails func(id int64) bool) func(zync.Push) zync.Fault {
	return func(p zync.Push) zync.Fault {
		if fails(p.TenantID) {
			return zync.Fault{Status: status}
		}
		return zync.Fault{}
	}
}

// TestTenantsThatFailAloneCostTheOthersNothing: if the first eight tenants fail, or one
// in twenty, all others are served, and the run ends and names those that failed.
func TestTenantsThatFailAloneCostTheOthersNothing(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(id int64) bool{
		"the first eight": func(id int64) bool { return id <= 9 },
		"one in twenty":   func(id int64) bool { return id%20 == 3 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 600)
			w.watch()
			w.zync.SetFault(failing(http.StatusInternalServerError, fails))
			sick := 0
			for id := range w.seeded.Owners {
				if fails(id) {
					sick++
				}
			}
			code, r := w.once("--task=rotate", "--retry-for=5s")
			rotated := r.Tasks[0]
			if code != 1 || rotated.Outcome != "partial" || rotated.Failed != sick || rotated.Delivered != len(w.seeded.Owners)-sick {
				t.Errorf("exit code %d, %d failing, report %+v", code, sick, rotated)
			}
			for _, f := range rotated.Failures {
				if !fails(f.TenantID) || !strings.Contains(f.Error, "500") {
					t.Errorf("failure %+v", f)
				}
			}
		})
	}
}

// TestTheDaemonTriesAgainWithinTheWindow: the run ends although one tenant fails, and
// the next run serves it with the same token.
func TestTheDaemonTriesAgainWithinTheWindow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50)
	w.watch()
	w.zync.SetFault(failing(http.StatusServiceUnavailable, func(id int64) bool { return id == 7 }))
	before := w.lastTokenID()
	d := w.start(nil)
	d.logs("run ended", "outcome=partial", "failed=1", "task=rotate")
	eventually(t, "a failing tenant in /metrics", func() bool {
		return strings.Contains(d.metrics(t), `token_scheduler_tenants{state="failing"} 1`)
	})
	w.zync.SetFault(nil)
	began := time.Now()
	d.logs("run ended", "outcome=success", "delivered=1", fmt.Sprintf("already=%d", len(w.seeded.Owners)-1), "minted=0")
	if minted := len(w.minted(before)); minted != len(w.seeded.Owners) {
		t.Errorf("%d tokens were minted for %d tenants, the last after %s", minted, len(w.seeded.Owners), time.Since(began))
	}
}

// metrics reads the process's metrics.
func (p *proc) metrics(t *testing.T) string {
	t.Helper()
	response, err := http.Get(p.address() + "/metrics")
	must(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(t, err)
	return string(content)
}
