package tests

import (
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// hung starts a daemon and brings it into a rotation that hangs.
func hung(t *testing.T, env map[string]string) *proc {
	t.Helper()
	w := newWorld(t, 10)
	w.zync.SetFault(func(zync.Push) zync.Fault { return zync.Fault{Hang: true} })
	d := w.start(env)
	eventually(t, "a push", func() bool { return w.zync.Pushes() > 0 })
	return d
}

func TestShutdownGraceEndsWhatHangs(t *testing.T) {
	t.Parallel()
	d := hung(t, map[string]string{"SHUTDOWN_GRACE": "1s"})
	told := time.Now()
	d.stops()
	if took := time.Since(told); took > 8*time.Second { // the push alone would hang for ten
		t.Errorf("took %s to stop", took)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := hung(t, nil)
	d.signal(syscall.SIGTERM)
	d.logs("told to stop")
	told := time.Now()
	d.signal(syscall.SIGINT)
	if code := d.wait(); code != 1 || time.Since(told) > 5*time.Second {
		t.Errorf("exit code %d after %s, want 1 at once", code, time.Since(told))
	}
}
