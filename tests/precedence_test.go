package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// TestRunsByHandHavePrecedence: the daemon's run is at work, and will be for a while.
// The commands of an emergency need not wait for it; it goes on after them, and
// serves everyone.
func TestRunsByHandHavePrecedence(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"--tenant=5", "--tenant=5 --force", "--tenant=5 --revoke"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 400)
			w.watch()
			w.zync.SetFault(func(zync.Push) zync.Fault { return zync.Fault{Delay: 150 * time.Millisecond} })
			d := w.start(nil)
			eventually(t, "pushes", func() bool { return w.zync.Pushes() > 10 })
			code, r := w.once(append([]string{"--task=rotate"}, strings.Fields(args)...)...)
			if code != 0 || r.Tasks[0].Tenants != 1 || r.Tasks[0].Delivered+r.Tasks[0].Already != 1 {
				t.Errorf("exit code %d, report %+v", code, r.Tasks[0])
			}
			d.logs("giving way to a run by hand")
			w.zync.SetFault(nil)
			d.logs("run ended", "task=rotate", "outcome=success")
		})
	}
}

// TestTwoRunsByHandAtOnce: the second one is told that another run by hand is at work.
func TestTwoRunsByHandAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 300)
	w.zync.SetFault(func(zync.Push) zync.Fault { return zync.Fault{Delay: 150 * time.Millisecond} })
	first := w.start(nil, "--run-once", "--task=rotate", "--force")
	eventually(t, "pushes", func() bool { return w.zync.Pushes() > 10 })
	if code, r := w.once("--task=rotate", "--tenant=5"); code != 75 {
		t.Errorf("exit code %d, report %+v", code, r)
	}
	if code := first.wait(); code != 0 {
		t.Errorf("the first one's exit code is %d", code)
	}
}
