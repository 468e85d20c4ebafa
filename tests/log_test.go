package tests

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// logsInto starts a daemon that logs all it can into a file.
func (w *world) logsInto(log *os.File, env map[string]string) *proc {
	w.t.Helper()
	p := &proc{t: w.t, stdout: &buffer{}, stderr: &buffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(binary)
	p.cmd.Stderr = log
	for name, value := range w.env {
		if _, other := env[name]; !other {
			p.cmd.Env = append(p.cmd.Env, name+"="+value)
		}
	}
	for name, value := range env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	must(w.t, p.cmd.Start())
	must(w.t, log.Close())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := servers.FreePort()
	must(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// healthy asks /healthz.
func healthy(t *testing.T, address string) error {
	t.Helper()
	client := &http.Client{Timeout: 3 * time.Second}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/healthz answered %d", response.StatusCode)
	}
	return nil
}

// TestLogIsNeverInTheWay: rotations go on, /healthz says so, and the daemon stops
// when it is told to, whatever the log's reader does.
func TestLogIsNeverInTheWay(t *testing.T) {
	t.Parallel()
	for name, reader := range map[string]func(t *testing.T) (log *os.File){
		"hangs with the pipe full": func(t *testing.T) *os.File {
			t.Helper()
			r, w, err := os.Pipe()
			must(t, err)
			t.Cleanup(func() { _ = r.Close() })
			fill(t, w)
			return w
		},
		"is gone": func(t *testing.T) *os.File {
			t.Helper()
			r, w, err := os.Pipe()
			must(t, err)
			go func() {
				_, _ = bufio.NewReader(r).ReadString('\n')
				_ = r.Close()
			}()
			return w
		},
		"is a full disk": func(t *testing.T) *os.File {
			t.Helper()
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			must(t, err)
			return full
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 10)
			w.watch()
			address := freeAddress(t)
			d := w.logsInto(reader(t), map[string]string{
				"LISTEN_ADDRESS": address, "LOG_LEVEL": "debug", "ROTATE_SCHEDULE": "@every 3s", "TOKEN_TTL": "60s",
			})
			w.servedSince(time.Time{})
			w.servedSince(time.Now())
			w.servedSince(time.Now())
			if err := healthy(t, address); err != nil {
				t.Error(err)
			}
			told := time.Now()
			d.stops()
			if took := time.Since(told); took > 10*time.Second {
				t.Errorf("took %s to stop", took)
			}
		})
	}
}

// fill writes into a pipe until it takes no more.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		must(t, syscall.SetNonblock(int(fd), true))
		for line := make([]byte, 1024); ; {
			if _, err := syscall.Write(int(fd), line); err != nil {
				break
			}
		}
		must(t, syscall.SetNonblock(int(fd), false))
	}))
}

// TestDroppedLinesAreCounted, and said once the log's reader reads again.
func TestDroppedLinesAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r, log, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { _ = r.Close() })
	address := freeAddress(t)
	// Redis is away, so that each probe is a line.
	w.logsInto(log, map[string]string{"LISTEN_ADDRESS": address, "LOG_LEVEL": "debug", "REDIS_URL": "redis://127.0.0.1:1"})
	dropped := func() string {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return ""
		}
		defer func() { _ = response.Body.Close() }()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if value, found := strings.CutPrefix(lines.Text(), "token_scheduler_log_lines_dropped_total "); found {
				return value
			}
		}
		return ""
	}
	eventually(t, "dropped line", func() bool {
		for range 50 {
			if response, err := http.Get("http://" + address + "/readyz"); err == nil {
				_ = response.Body.Close()
			}
		}
		n := dropped()
		return n != "" && n != "0"
	})
	eventuallyReads(t, r, "log lines were dropped")
}

func eventuallyReads(t *testing.T, r io.Reader, want string) {
	t.Helper()
	found := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			if strings.Contains(lines.Text(), want) {
				found <- true
			}
		}
	}()
	select {
	case <-found:
	case <-time.After(30 * time.Second):
		t.Errorf("no line with %q", want)
	}
}

// TestFullDiskForReports: who asks must learn that the answer was not written.
func TestFullDiskForReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	for _, args := range [][]string{{"--check"}, {"--check", "--report=json"}, {"--status"}, {"--status", "--report=json"}, {"--run-once", "--dry-run"}} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		must(t, err)
		cmd := exec.Command(binary, args...)
		cmd.Stdout = full
		for name, value := range w.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("%v: exit code %d, want 1", args, code)
		}
		_ = full.Close()
	}
}

// TestEarlySignal: a daemon that is told to stop while it still reads its
// configuration stops in order.
func TestEarlySignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	fifo := t.TempDir() + "/url"
	must(t, syscall.Mkfifo(fifo, 0o600))
	d := w.start(map[string]string{"DATABASE_URL": "", "DATABASE_URL_FILE": fifo})
	file, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits until the daemon reads
	must(t, err)
	d.signal(syscall.SIGTERM)
	time.Sleep(50 * time.Millisecond)
	_, err = io.WriteString(file, w.env["DATABASE_URL"])
	must(t, err)
	must(t, os.Remove(fifo)) // who reads it anew finds a file that does not block
	must(t, os.WriteFile(fifo, []byte(w.env["DATABASE_URL"]), 0o600))
	must(t, file.Close())
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
