package tests

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// notifications are the messages of a service to systemd.
type notifications struct {
	mu   sync.Mutex
	said []string
}

// notify listens as systemd does and returns the socket's name.
func notify(t *testing.T) (*notifications, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sd-") //nolint:usetesting // a socket's name must be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := filepath.Join(dir, "s")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	n := &notifications{}
	go func() {
		message := make([]byte, 4096)
		for {
			length, err := conn.Read(message)
			if err != nil {
				return
			}
			n.mu.Lock()
			n.said = append(n.said, string(message[:length]))
			n.mu.Unlock()
		}
	}()
	return n, name
}

func (n *notifications) count(text string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, said := range n.said {
		if said == text {
			times++
		}
	}
	return times
}

func TestSystemdIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	n, socket := notify(t)
	d := w.start(map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "300000"})
	eventually(t, "READY=1", func() bool { return n.count("READY=1") == 1 })
	eventually(t, "a fed watchdog", func() bool { return n.count("WATCHDOG=1") >= 5 })
	// A frozen process sends nothing.
	d.signal(syscall.SIGSTOP)
	time.Sleep(200 * time.Millisecond)
	fed := n.count("WATCHDOG=1")
	time.Sleep(time.Second)
	if more := n.count("WATCHDOG=1"); more != fed {
		t.Errorf("fed %d times more while it stood still", more-fed)
	}
	d.signal(syscall.SIGCONT)
	d.stops()
	n.saying(t, "^STOPPING=1")
}

// saying waits for a message that matches.
func (n *notifications) saying(t *testing.T, pattern string) {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	eventually(t, "message "+pattern, func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return slices.ContainsFunc(n.said, wanted.MatchString)
	})
}

// TestSystemdShowsHowTheDaemonDoes: systemctl status shows the role, the last rotation
// and the next, of a leader and of a standby.
func TestSystemdShowsHowTheDaemonDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	n, socket := notify(t)
	minute := strings.Fields(w.env["ROTATE_SCHEDULE"])[0]
	next := `; next (\d{4}-\d\d-\d\d )?\d\d:0?` + minute + ` UTC$`
	leader := w.start(map[string]string{"NOTIFY_SOCKET": socket})
	n.saying(t, `^STATUS=leader; 11 of 11 served at \d\d:\d\d`+next)
	beside, socketBeside := notify(t)
	standby := w.start(map[string]string{"NOTIFY_SOCKET": socketBeside})
	beside.saying(t, `^STATUS=standby; 11 of 11 served at \d\d:\d\d`+next)
	w.zync.SetFault(invalid)
	must(t, w.redis().Del(t.Context(), "token-scheduler:{"+w.porta.Name+"}:deliveries").Err())
	leader.stops()
	n.saying(t, "STOPPING=1\nSTATUS=stopping; what is under way is finished first$")
	beside.saying(t, `^STATUS=leader; 0 of 11 served at \d\d:\d\d, 11 failing`+next)
	standby.stops()
	without, socketWithout := notify(t)
	w.start(map[string]string{"NOTIFY_SOCKET": socketWithout, "REDIS_URL": "redis://127.0.0.1:1"})
	without.saying(t, "^STATUS=Redis is away, nobody leads; no rotation is known"+next)
}

// TestJournalPriorities makes standard error be systemd's journal.
func TestJournalPriorities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	log, err := os.CreateTemp(t.TempDir(), "journal")
	must(t, err)
	var stat syscall.Stat_t
	must(t, syscall.Fstat(int(log.Fd()), &stat))
	cmd := exec.Command(binary, "--run-once", "--task=rotate")
	for name, value := range w.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino), "PORTA_ENDPOINT=http://127.0.0.1:1")
	cmd.Stderr = log
	must(t, cmd.Run())
	content, err := os.ReadFile(log.Name())
	must(t, err)
	for line := range strings.Lines(string(content)) {
		want := map[bool]string{true: "<6>time=", false: "<4>time="}[strings.Contains(line, "level=INFO")]
		if !strings.HasPrefix(line, want) {
			t.Errorf("%q does not begin with %q", line, want)
		}
	}
	if !strings.Contains(string(content), "<4>") || !strings.Contains(string(content), "<6>") {
		t.Errorf("no warning, or nothing but warnings, in %s", content)
	}
}
