package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// invalid is an answer of Zync's that ends a tenant's tries.
func invalid(zync.Push) zync.Fault {
	return zync.Fault{Status: 422, Body: `{"errors":{"access_token":["is bad"]}}`}
}

// TestProgressOfARunIsSeen: while a run is at work, the page, --status and the metrics
// show how far it is beside the last outcome.
func TestProgressOfARunIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 150)
	if code, _ := w.once("--task=rotate"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	d := w.start(nil)
	d.logs("run ended", "outcome=success", "delivered=0")
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		if p.TenantID == 3 {
			return invalid(p)
		}
		return zync.Fault{Delay: 200 * time.Millisecond}
	})
	byHand := w.start(nil, "--run-once", "--task=rotate", "--force")
	sofar := regexp.MustCompile(`in this run [1-9]\d* of 151, [1-9]\d* failing`)
	tab := browser(t, 1280)
	eventually(t, "progress on the page", func() bool {
		said := text(t, tab, d.address(), "tasks")["tasks"]
		return sofar.MatchString(said) && strings.Contains(said, "success")
	})
	printed := w.start(nil, "--status")
	printed.wait()
	if out := printed.stdout.String(); !sofar.MatchString(out) || !strings.Contains(out, " failing; last success") {
		t.Errorf("--status while a run is at work:\n%s", out)
	}
	byHand.wait()
	if s, _ := getStatus(t, d.address()); strings.Contains(fmt.Sprintf("%+v", s), "progress") {
		t.Errorf("after the run: %+v", s)
	}
	d.stops()
}

// TestStatusOfOneTenant answers the first question of every ticket.
func TestStatusOfOneTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	if code, _ := w.once("--task=rotate"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	served := w.start(nil, "--status", "--tenant=3")
	if code := served.wait(); code != 0 {
		t.Errorf("exit code %d for a tenant that is well", code)
	}
	for _, want := range []string{"state", w.state(3), "owner", "user ", "by ", " in run ", "token expires  20", "failing        no"} {
		if !strings.Contains(served.stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, served.stdout)
		}
	}
	w.zync.SetFault(invalid)
	if code, _ := w.once("--task=rotate", "--tenant=3", "--force"); code != 1 {
		t.Errorf("exit code %d", code)
	}
	failing := w.start(map[string]string{"DATABASE_URL": ""}, "--status", "--tenant=3", "--report=json")
	var s struct {
		Tenant struct {
			NoAccount string `json:"no_account"`
			Failing   struct{ Reason string }
			RunID     string `json:"run_id"`
		}
		Problems []string
	}
	code := failing.wait()
	must(t, json.Unmarshal([]byte(failing.stdout.String()), &s))
	if code != 1 || !strings.Contains(s.Tenant.NoAccount, "not asked") || !strings.Contains(s.Tenant.Failing.Reason, "422") ||
		s.Tenant.RunID == "" || len(s.Problems) != 1 {
		t.Errorf("exit code %d, %+v", code, s)
	}
	unknown := w.start(nil, "--status", "--tenant=999999")
	if code := unknown.wait(); code != 1 || !strings.Contains(unknown.stdout.String(), "Porta has no tenant with this id") {
		t.Errorf("exit code %d\n%s", code, unknown.stdout)
	}
}

// TestHistoryAndCron: an installation that cron runs needs no leader to be well, and
// the history lists its runs.
func TestHistoryAndCron(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	for range 2 {
		if code, _ := w.once("--task=rotate", "--force"); code != 0 {
			t.Fatalf("exit code %d", code)
		}
	}
	p := w.start(nil, "--status", "--history")
	if code := p.wait(); code != 0 || strings.Count(p.stdout.String(), "success") != 2 || !strings.Contains(p.stdout.String(), "13 of 13 served, 0 failed") {
		t.Errorf("exit code %d\n%s", code, p.stdout)
	}
}

// TestPageShowsWhoFails: problems in words with the runbook, standbys, reasons, a
// filter, a tenant and the picture, without a script.
func TestPageShowsWhoFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	leader := w.start(nil)
	leader.logs("run ended", "outcome=success")
	standby := w.start(nil)
	standby.logs("standing by")
	record := ledger.New(w.redis(), "token-scheduler:{"+w.porta.Name+"}:", "test")
	now := time.Now()
	minted := now.Add(-23*time.Hour - 40*time.Minute)
	failed := map[int64]string{3: "zync answered 503", 4: "zync answered 500", 5: "zync answered 500"}
	must(t, record.Record(t.Context(), map[int64]ledger.Delivery{
		3: {At: minted.Add(time.Minute), Minted: minted}, 4: {At: now, Minted: now}, 5: {At: now, Minted: now},
	}, nil, now))
	must(t, record.Record(t.Context(), nil, failed, now.Add(time.Minute)))
	desk, phone := browser(t, 1280), browser(t, 375)
	time.Sleep(2500 * time.Millisecond)
	for name, tab := range map[string]context.Context{"desk": desk, "phone": phone} {
		got := text(t, tab, leader.address(), "problems", "reasons", "standbys", "tenants", "total")
		if !strings.Contains(got["problems"], "1 tenant at risk; the first token expires in 19 min (what to do)") {
			t.Errorf("%s: problems %q", name, got["problems"])
		}
		if got["standbys"] != "1" || got["total"] != "62" && got["total"] == "0" {
			t.Errorf("%s: %v", name, got)
		}
		if !strings.Contains(strings.Join(strings.Fields(got["reasons"]), " "), "2 zync answered 500") {
			t.Errorf("%s: reasons %q", name, got["reasons"])
		}
		if host := w.host(3); !strings.Contains(got["tenants"], host) || !strings.Contains(got["tenants"], "▲ at risk") {
			t.Errorf("%s: no host %q, or no risk, in %q", name, host, got["tenants"])
		}
		got = text(t, tab, leader.address()+"/?filter=503", "matching", "tenants")
		if !strings.HasPrefix(got["matching"], "1 of 3") || strings.Contains(got["tenants"], "answered 500") {
			t.Errorf("%s: filtered %v", name, got)
		}
		got = text(t, tab, leader.address()+"/?tenant=3", "tenant")
		if !strings.Contains(got["tenant"], w.state(3)) || !strings.Contains(got["tenant"], "answered 503") {
			t.Errorf("%s: tenant %v", name, got)
		}
		must(t, chromedp.Do(tab, chromedp.Navigate(leader.address())))
		type shape struct {
			Bars, Times, Links int
			Cut                int // tables that are wider than the page
			Scroll, Width      int
		}
		page, err := chromedp.Run(tab, chromedp.Evaluate[shape](`({Bars: document.querySelectorAll("#picture rect.served").length,
 Times: document.querySelectorAll("#tenants time[title$=UTC]").length, Links: document.querySelectorAll('a[href="status"], a[href="metrics"], #problems a[href*=runbook]').length,
 Cut: [...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth).length,
 Scroll: document.documentElement.scrollWidth, Width: document.documentElement.clientWidth})`))
		must(t, err)
		if page.Bars < 1 || page.Times < 6 || page.Links < 4 || page.Cut > 0 || page.Scroll > page.Width {
			t.Errorf("%s: %+v", name, page)
		}
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		screenshots(t, dir, leader.address()+"/", desk, phone)
	}
	leader.stops()
	standby.stops()
}

// host is a tenant's admin host.
func (w *world) host(id int64) (host string) {
	w.t.Helper()
	must(w.t, w.porta.DB.Get(&host, "SELECT self_domain FROM accounts WHERE id = ?", id))
	return host
}

// state is a tenant's, in Porta.
func (w *world) state(id int64) (state string) {
	w.t.Helper()
	must(w.t, w.porta.DB.Get(&state, "SELECT state FROM accounts WHERE id = ?", id))
	return state
}

// TestMetricsFileAndPing: what watches one-shot runs hears of each.
func TestMetricsFileAndPing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	var mu sync.Mutex
	var pings []string
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		pings = append(pings, r.URL.Path)
	}))
	t.Cleanup(service.Close)
	file := filepath.Join(t.TempDir(), "token-scheduler.prom")
	const secretPath = "/ping/a-secret-of-the-service"
	env := map[string]string{"METRICS_FILE": file, "PING_URL": service.URL + secretPath}
	runs := func(want int, more map[string]string, args ...string) *proc {
		t.Helper()
		p := w.start(merged(env, more), append([]string{"--run-once", "--task=rotate"}, args...)...)
		if code := p.wait(); code != want {
			t.Errorf("%v: exit code %d, want %d", args, code, want)
		}
		if out := p.stderr.String() + p.stdout.String(); strings.Contains(out, "a-secret-of") {
			t.Errorf("the ping's URL was written:\n%s", out)
		}
		return p
	}
	runs(0, nil)
	metrics, err := os.ReadFile(file)
	must(t, err)
	for _, line := range []string{`token_scheduler_task_last_complete_timestamp_seconds{task="rotate"} 1`, `token_scheduler_tenants{state="served"} 13`} {
		if !strings.Contains(string(metrics), line) {
			t.Errorf("no %s in the file", line)
		}
	}
	if names := regexp.MustCompile(`(?m)^(go|process)_\w+`).FindAllString(string(metrics), -1); names != nil {
		t.Errorf("node_exporter has these itself: %q", names)
	}
	w.zync.SetFault(invalid)
	runs(1, nil, "--force") // it has reached everyone, and failed
	runs(1, nil, "--tenant=3", "--force")
	runs(0, nil, "--dry-run")
	w.zync.SetFault(nil)
	runs(1, map[string]string{"ZYNC_ENDPOINT": "http://127.0.0.1:1"}, "--force", "--retry-for=1s")
	p := w.start(env, "--run-once", "--task=janitor")
	p.wait()
	w.start(merged(env, map[string]string{"DATABASE_URL": "mysql2://a:b@127.0.0.1:1/c"}), "--run-once", "--task=janitor").wait()
	mu.Lock()
	if want := []string{secretPath, secretPath, secretPath + "/fail", secretPath, secretPath + "/fail"}; !slices.Equal(pings, want) {
		t.Errorf("pings %q, want %q", pings, want)
	}
	pings = nil
	mu.Unlock()
	// Two tasks of one process are two pings.
	w.start(env, "--run-once", "--force").wait()
	mu.Lock()
	if want := []string{secretPath, secretPath}; !slices.Equal(pings, want) {
		t.Errorf("pings of two tasks %q, want %q", pings, want)
	}
	mu.Unlock()
	// A service that is away, and a file that can't be written, are no failures.
	p = runs(0, map[string]string{"PING_URL": "http://127.0.0.1:1/a-secret-of", "METRICS_FILE": "/nowhere/x.prom"}, "--force")
	for _, line := range []string{"ping not delivered", "metrics not written"} {
		if !strings.Contains(p.stderr.String(), line) {
			t.Errorf("no %q in\n%s", line, p.stderr)
		}
	}
}

// TestMetricsFileKeepsWhatOtherRunsWrote: cron runs each task in a process of its own.
func TestMetricsFileKeepsWhatOtherRunsWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	file := filepath.Join(t.TempDir(), "token-scheduler.prom")
	has := func(what string, lines ...string) {
		t.Helper()
		metrics, err := os.ReadFile(file)
		must(t, err)
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^token_scheduler_` + line + `$`).Match(metrics) {
				t.Errorf("%s: no %s in the file:\n%s", what, line, metrics)
			}
		}
	}
	run := func(want int, more map[string]string, args ...string) {
		t.Helper()
		p := w.start(merged(map[string]string{"METRICS_FILE": file}, more), append([]string{"--run-once"}, args...)...)
		if code := p.wait(); code != want {
			t.Errorf("%v: exit code %d, want %d", args, code, want)
		}
	}
	rotated := []string{
		`tenants{state="served"} 13`, `pushes_total{outcome="delivered"} 13`, `task_duration_seconds_count{task="rotate"} 1`,
		`task_last_complete_timestamp_seconds{task="rotate"} 1.*`, `task_runs_total{outcome="success",task="rotate"} 1`,
	}
	run(0, nil, "--task=rotate")
	has("a rotation", rotated...)
	run(0, nil, "--task=janitor")
	has("a purge", append(rotated, `tokens_purged_total .*`, `task_runs_total{outcome="success",task="janitor"} 1`)...)
	run(0, nil, "--task=rotate", "--dry-run", "--force")
	run(0, nil, "--task=rotate", "--tenant=3", "--force")
	has("runs for nobody and for one", rotated[0], rotated[1], `tokens_purged_total .*`)
	run(1, map[string]string{"ZYNC_ENDPOINT": "http://127.0.0.1:1"}, "--task=rotate", "--force", "--retry-for=1s")
	has("a failed rotation", rotated[0], rotated[1], rotated[3], `task_runs_total{outcome="failed",task="rotate"} 1`)
	must(t, os.WriteFile(file, []byte("no metrics {"), 0o600))
	run(0, nil, "--task=rotate", "--force")
	has("a rotation after something else wrote the file", rotated...)
}

func merged(env, more map[string]string) map[string]string {
	all := map[string]string{}
	for _, from := range []map[string]string{env, more} {
		maps.Copy(all, from)
	}
	return all
}
