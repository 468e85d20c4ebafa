package tests

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// TestARunByHandHasPrecedence: while a daemon's run is slow, a run for one tenant gets
// its turn within seconds, and the daemon serves the others afterwards.
func TestARunByHandHasPrecedence(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	w.zync.SetFault(func(zync.Push) zync.Fault { return zync.Fault{Delay: 500 * time.Millisecond} })
	d := w.start(nil)
	eventually(t, "a push", func() bool { return w.zync.Pushes() > 5 })
	began := time.Now()
	code, report := w.once("--task=rotate", "--tenant=7", "--force")
	if took := time.Since(began); code != 0 || took > 15*time.Second {
		t.Errorf("exit code %d after %s: %+v", code, took, report)
	}
	w.zync.SetFault(nil)
	d.logs("run ended", "outcome=partial", "takes precedence")
	d.logs("run ended", "outcome=success")
	d.stops()
}
