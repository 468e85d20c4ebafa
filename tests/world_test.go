// Package tests runs the scheduler's binary on a real MariaDB and Redis, with a
// stand-in for Zync, and checks from outside what it does.
package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

const credential = "the-credential-of-zync"

// world is everything around a scheduler: Porta's database, Redis, Zync. When the test
// ends, all output of the processes is searched for secrets.
type world struct {
	t      *testing.T
	porta  *porta.Porta
	zync   *zync.Zync
	seeded *porta.Seeded
	env    map[string]string

	mu     sync.Mutex
	output []*buffer
}

// newWorld seeds tenants. For each, Zync has a token that Porta made.
func newWorld(t *testing.T, tenants int) *world {
	t.Helper()
	return newWorldOn(t, porta.New(t), servers.RedisURL(t), tenants)
}

func newWorldOn(t *testing.T, p *porta.Porta, redisURL string, tenants int) *world {
	t.Helper()
	w := &world{t: t, porta: p}
	var err error
	w.seeded, err = p.Fill(t.Context(), porta.Seed{Tenants: tenants, Buyers: 10 * tenants, Tokens: true})
	must(t, err)
	w.zync, err = zync.Start(zync.Options{Token: credential})
	must(t, err)
	t.Cleanup(w.zync.Close)
	web := httptest.NewServer(p)
	t.Cleanup(web.Close)
	w.env = map[string]string{
		"DATABASE_URL": p.URL(), "REDIS_URL": redisURL, "SCHEDULER_NAME": p.Name,
		"ZYNC_ENDPOINT": w.zync.URL, "ZYNC_AUTHENTICATION_TOKEN": credential, "PORTA_ENDPOINT": web.URL,
		"LISTEN_ADDRESS": "127.0.0.1:0",
		// Hourly and weekly as by default, but not during a test.
		"ROTATE_SCHEDULE":  time.Now().UTC().Add(30*time.Minute).Format("4") + " * * * *",
		"JANITOR_SCHEDULE": fmt.Sprintf("0 0 * * %d", time.Now().UTC().Add(84*time.Hour).Weekday()),
	}
	tokens, err := p.Mint(t.Context(), w.seeded.Owners, time.Hour)
	must(t, err)
	for id, token := range tokens {
		w.zync.Know(id, porta.Endpoint(id), token)
	}
	t.Cleanup(w.searchForSecrets)
	return w
}

// exec changes Porta's database as a user with all rights.
func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	_, err := w.porta.DB.Exec(query, args...)
	must(w.t, err)
}

// redis is a client of the world's Redis.
func (w *world) redis() *redis.Client {
	w.t.Helper()
	opts, err := redis.ParseURL(w.env["REDIS_URL"])
	must(w.t, err)
	client := redis.NewClient(opts)
	w.t.Cleanup(func() { _ = client.Close() })
	return client
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// buffer may be read while another goroutine writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// proc is a running scheduler.
type proc struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr *buffer
	done           chan struct{}
}

// start starts the scheduler. env overrides the world's environment.
func (w *world) start(env map[string]string, args ...string) *proc {
	w.t.Helper()
	p := &proc{t: w.t, stdout: &buffer{}, stderr: &buffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stdout, p.cmd.Stderr = p.stdout, p.stderr
	all := maps.Clone(w.env)
	maps.Copy(all, env)
	for name, value := range all {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	w.mu.Lock()
	w.output = append(w.output, p.stdout, p.stderr)
	w.mu.Unlock()
	must(w.t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if w.t.Failed() {
			w.t.Logf("scheduler %v wrote:\n%s%s", args, p.stdout, p.stderr)
		}
	})
	return p
}

// wait returns the exit code.
func (p *proc) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(2 * time.Minute):
		p.t.Fatal("the scheduler does not end")
		return -1
	}
}

func (p *proc) signal(sig syscall.Signal) {
	p.t.Helper()
	must(p.t, p.cmd.Process.Signal(sig))
}

// stops stops the process with SIGTERM and checks its exit code.
func (p *proc) stops() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

// logs waits until the log has a line that contains all of parts.
func (p *proc) logs(parts ...string) string {
	p.t.Helper()
	var found string
	eventually(p.t, fmt.Sprintf("a log line with %q", parts), func() bool {
		for line := range strings.Lines(p.stderr.String()) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				found = line
				return true
			}
		}
		return false
	})
	return found
}

// eventually polls for up to a minute and a half. That is longer than a window of the
// one-minute schedule.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("still no %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// report is the output of --report=json.
type report struct {
	Tasks []struct {
		Task, Outcome, Error                        string
		Tenants, Delivered, Already, Failed, Minted int
		NoOwner                                     int `json:"no_owner"`
		Placeholders                                int
		Failures                                    []struct {
			TenantID int64 `json:"tenant_id"`
			Error    string
		}
		Purged, Kept int
		Duration     float64 `json:"duration_seconds"`
	}
}

// once runs --run-once and returns the exit code and the report.
func (w *world) once(args ...string) (int, report) {
	w.t.Helper()
	p := w.start(nil, append([]string{"--run-once", "--report=json"}, args...)...)
	code := p.wait()
	var r report
	if err := json.Unmarshal([]byte(p.stdout.String()), &r); err != nil {
		w.t.Fatalf("exit code %d, report %q: %v", code, p.stdout, err)
	}
	return code, r
}

// searchForSecrets looks for secrets in all output.
func (w *world) searchForSecrets() {
	secrets := []string{credential, porta.Password}
	for _, h := range w.zync.History() {
		if h.Token == rotate.Placeholder {
			continue // no secret
		}
		secrets = append(secrets, h.Token, strings.TrimPrefix(porta.Digest(h.Token), "SHA384$"))
	}
	for _, out := range w.output {
		text := out.String()
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				w.t.Errorf("a secret (%.8s…) was written in:\n%s", secret, text)
				return
			}
		}
	}
}

// broken returns the tenants for which Zync has a token that Porta does not accept. The
// invariant is that there are none.
func (w *world) broken(ctx context.Context) ([]int64, error) {
	before := w.zync.Holds() // first: a token is in Porta before it is in Zync
	var accepted []string
	err := w.porta.DB.SelectContext(ctx, &accepted, `
SELECT value FROM access_tokens WHERE expires_at IS NULL OR expires_at >= UTC_TIMESTAMP()`)
	if err != nil {
		return nil, err
	}
	accepts := make(map[string]bool, len(accepted))
	for _, digest := range accepted {
		accepts[digest] = true
	}
	var broken []int64
	for id, holding := range w.zync.Holds() {
		// A token that came while Porta was asked may be why the other one ended.
		if holding.Token == before[id].Token && !accepts[porta.Digest(holding.Token)] {
			broken = append(broken, id)
		}
	}
	return broken, nil
}

// watch checks the invariant until the test ends.
func (w *world) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	checks := 0
	watching.Go(func() {
		for ctx.Err() == nil {
			broken, err := w.broken(ctx)
			if err == nil {
				checks++
			}
			if len(broken) > 0 {
				w.t.Errorf("Zync holds tokens that Porta refuses, of tenants %v", broken)
				return
			}
			time.Sleep(30 * time.Millisecond)
		}
	})
	w.t.Cleanup(func() {
		cancel()
		watching.Wait()
		if checks == 0 && !w.t.Skipped() {
			w.t.Error(errors.New("the invariant was never checked"))
		}
	})
}

// countLines counts the lines of a process's log that contain a text.
func countLines(p *proc, text string) (n int) {
	for line := range strings.Lines(p.stderr.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
