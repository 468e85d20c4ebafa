package tests

import (
	"io"
	"maps"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// onTerminal runs the scheduler on a terminal and returns all output.
func (w *world) onTerminal(args ...string) string {
	w.t.Helper()
	cmd := exec.Command(binary, args...)
	env := maps.Clone(w.env)
	env["TERM"] = "xterm"
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: 120})
	must(w.t, err)
	content, _ := io.ReadAll(terminal) // ends with an error when the other side closes
	_ = cmd.Wait()
	out := &buffer{}
	_, _ = out.Write(content)
	w.output = append(w.output, out)
	return string(content)
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 100)
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		if p.TenantID == 7 {
			return zync.Fault{Status: 422, Body: `{"errors":{"access_token":["is bad"]}}`}
		}
		return zync.Fault{Delay: 20 * time.Millisecond}
	})
	out := w.onTerminal("--run-once", "--task=rotate")
	for _, want := range []string{
		"\rrotate ", "/s", "%", // the bar, with its rate
		"  delivered  ", "  failed  ", "tenant 7: zync refuses", // the table
		"next: their previous tokens work until they expire", "--tenant=7",
		`level=WARN msg="tenants not served`, // and the log above it
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%q", want, out)
		}
	}
	w.zync.SetFault(nil)
	if out := w.onTerminal("--run-once", "--task=janitor"); !strings.Contains(out, "\rjanitor ") || !strings.Contains(out, "  purged  ") {
		t.Errorf("no bar and table of the janitor in:\n%q", out)
	}
	if out := w.onTerminal("--check"); !strings.Contains(out, "\x1b[32mok") {
		t.Errorf("no colours in:\n%s", out)
	}
	w.env["NO_COLOR"] = "1"
	if out := w.onTerminal("--check"); strings.Contains(out, "\x1b[3") {
		t.Errorf("colours in spite of NO_COLOR in:\n%s", out)
	}
	// Without a terminal there is neither a bar nor a table.
	p := w.start(nil, "--run-once", "--task=rotate", "--force")
	p.wait()
	if strings.Contains(p.stderr.String(), "\r") || !strings.HasPrefix(p.stdout.String(), "rotate: success in ") {
		t.Errorf("without a terminal:\n%s%s", p.stdout, p.stderr)
	}
}
