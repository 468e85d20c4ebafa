package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// browser starts a headless Chromium with a window as wide as a phone's or a desktop's.
// It fails the test if the browser complains.
func browser(t *testing.T, width int64) context.Context {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		servers.SkipWithout(t, fmt.Errorf("%w: chromium (run make deps)", servers.ErrNotInstalled))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox)
	allocated, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	tab, cancel := chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	tab, cancel = context.WithTimeout(tab, time.Minute)
	t.Cleanup(cancel)
	must(t, chromedp.Listen(tab, func(event any) {
		switch event := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception: %+v", event)
		case *runtime.EventConsoleAPICalled:
			t.Errorf("console: %+v", event)
		}
	}))
	must(t, chromedp.Do(tab, chromedp.EmulateViewport(width, 800)))
	return tab
}

// text returns the text of the elements with these ids on a page.
func text(t *testing.T, tab context.Context, url string, ids ...string) map[string]string {
	t.Helper()
	said := map[string]string{}
	must(t, chromedp.Do(tab, chromedp.Navigate(url)))
	for _, id := range ids {
		content, err := chromedp.Run(tab, chromedp.Evaluate[string](fmt.Sprintf("document.getElementById(%q)?.innerText ?? ''", id)))
		must(t, err)
		said[id] = strings.TrimSpace(content)
	}
	return said
}

// address is where a daemon listens.
func (p *proc) address() string {
	p.t.Helper()
	_, address, _ := strings.Cut(p.logs("msg=listening"), "address=")
	return "http://" + strings.TrimSpace(address)
}

func TestStatusPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	leader := w.start(nil)
	leader.logs("run ended", "outcome=success")
	standby := w.start(nil)
	standby.logs("standing by")
	desk, phone := browser(t, 1280), browser(t, 375)
	served := fmt.Sprint(len(w.seeded.Owners))

	got := text(t, desk, leader.address(), "state", "role", "served", "failing", "at-risk")
	if got["state"] != "All is well" || got["role"] != "leader" || got["served"] != served || got["failing"] != "0" || got["at-risk"] != "0" {
		t.Errorf("the leader's page with nobody failing: %v", got)
	}
	got = text(t, phone, standby.address(), "state", "role", "served", "problems")
	if got["state"] != "All is well" || got["role"] != "standby" || got["served"] != served || got["problems"] != "" {
		t.Errorf("the standby's page with nobody failing: %v", got)
	}

	record := ledger.New(w.redis(), "token-scheduler:{"+w.porta.Name+"}:", "test")
	now := time.Now()
	hostile := `zync answered 500 <script>alert("x")</script>` + strings.Repeat("unbroken", 20)
	for _, failing := range []int{3, 5000} {
		failed := map[int64]string{}
		for id := range failing {
			failed[int64(1000+id)] = hostile
		}
		must(t, record.Record(t.Context(), map[int64]ledger.Delivery{1000: {At: now.Add(-20 * time.Hour)}, 1001: {At: now.Add(-2 * time.Hour)}}, nil, now))
		must(t, record.Record(t.Context(), nil, failed, now.Add(time.Minute)))
		time.Sleep(2500 * time.Millisecond)
		for _, d := range []*proc{leader, standby} {
			for name, tab := range map[string]context.Context{"desk": desk, "phone": phone} {
				began := time.Now()
				got := text(t, tab, d.address(), "state", "failing", "at-risk", "tenants")
				if got["state"] != "At risk" || got["failing"] != fmt.Sprint(failing) || got["at-risk"] != fmt.Sprint(failing-1) {
					t.Errorf("%s, %d failing: %.300v", name, failing, got)
				}
				if !strings.Contains(got["tenants"], "<script>alert") || !strings.Contains(got["tenants"], "in 3h59m") {
					t.Errorf("%s, %d failing: the table says %.300s", name, failing, got["tenants"])
				}
				type shape struct{ Rows, Scroll, Width int }
				page, err := chromedp.Run(tab, chromedp.Evaluate[shape](`({Rows: document.querySelectorAll("#tenants tbody tr").length,
 Scroll: document.documentElement.scrollWidth, Width: document.documentElement.clientWidth})`))
				must(t, err)
				if page.Rows != min(failing, 100) || page.Scroll > page.Width {
					t.Errorf("%s, %d failing: %+v: up to a hundred rows, and nothing wider than the window", name, failing, page)
				}
				t.Logf("%s, %d failing: %s", name, failing, time.Since(began).Round(time.Millisecond))
			}
		}
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		screenshots(t, dir, leader.address(), desk, phone)
	}
	leader.stops()
	standby.logs("msg=leading")
	standby.stops()
}

// screenshots saves pictures for people to look at.
func screenshots(t *testing.T, dir, url string, desk, phone context.Context) {
	t.Helper()
	for name, tab := range map[string]context.Context{"desk": desk, "phone": phone} {
		for _, scheme := range []string{"light", "dark"} {
			_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			must(t, err)
			must(t, chromedp.Do(tab, chromedp.Navigate(url)))
			picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
			must(t, err)
			must(t, os.WriteFile(fmt.Sprintf("%s/%s-%s.png", dir, name, scheme), picture, 0o644))
		}
	}
}

// statusJSON is the output of /status and of --status --report=json.
type statusJSON struct {
	This    *struct{ Role string }
	Leader  *struct{ Host string }
	Tenants struct {
		Served, Failing int
		AtRisk          int `json:"at_risk"`
		NoOwner         int `json:"no_owner"`
	}
	Tasks []struct {
		Task string
		Last *struct{ Outcome, By string }
		Next time.Time

		LastComplete time.Time `json:"last_complete"`
		LastSuccess  time.Time `json:"last_success"`
	}
	Failing []struct {
		TenantID int64 `json:"tenant_id"`
		Reason   string
		AtRisk   bool `json:"at_risk"`
	}
	Problems []string
}

func getStatus(t *testing.T, url string) (s statusJSON, code int) {
	t.Helper()
	response, err := http.Get(url + "/status")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	must(t, json.NewDecoder(response.Body).Decode(&s))
	return s, response.StatusCode
}

func TestStatusOfFailingTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	env := map[string]string{"DATABASE_URL": "", "ZYNC_ENDPOINT": ""} // it takes Redis alone
	status := func() (s statusJSON) {
		p := w.start(env, "--status", "--report=json")
		code := p.wait()
		must(t, json.Unmarshal([]byte(p.stdout.String()), &s))
		if want := min(len(s.Problems), 1); code != want {
			t.Errorf("exit code %d, want %d: %s", code, want, p.stdout)
		}
		return s
	}
	if s := status(); s.Leader != nil || len(s.Problems) < 2 || s.Tasks[0].Last != nil || s.Tasks[0].Next.IsZero() {
		t.Errorf("before anything has run: %+v", s)
	}
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		if p.TenantID == 3 {
			return zync.Fault{Status: 422, Body: `{"errors":{"access_token":["is bad"]}}`}
		}
		return zync.Fault{}
	})
	d := w.start(nil)
	// Nobody knows when it was last served, so it counts as at risk.
	d.logs("tenants at risk", "tenants=1", "tenant_ids=[3]", `first_expires_in="not known"`)
	d.logs("run ended", "outcome=partial")
	eventually(t, "the run's record", func() bool { return status().Tasks[0].Last != nil })
	s := status()
	if s.Leader == nil || s.Tasks[0].Last.Outcome != "partial" || s.Tenants.Failing != 1 || s.Tenants.AtRisk != 1 ||
		s.Tenants.Served != len(w.seeded.Owners)-1 || len(s.Failing) != 1 || s.Failing[0].TenantID != 3 || !s.Failing[0].AtRisk ||
		!strings.Contains(s.Failing[0].Reason, "422, access_token") {
		t.Errorf("with one failing: %+v", s)
	}
	if rotate := s.Tasks[0]; rotate.LastComplete.IsZero() || !rotate.LastSuccess.IsZero() {
		t.Errorf("it reached everyone %s, without failures %s", rotate.LastComplete, rotate.LastSuccess)
	}
	page, code := getStatus(t, d.address())
	if code != 200 || page.This == nil || page.This.Role != "leader" || page.Tenants != s.Tenants {
		t.Errorf("/status answered %d, %+v", code, page)
	}
	printed := w.start(env, "--status")
	if code := printed.wait(); code != 1 || !strings.Contains(printed.stdout.String(), "1 failing, 1 at risk") || !strings.Contains(printed.stdout.String(), "422, access_token") {
		t.Errorf("exit code %d:\n%s", code, printed.stdout)
	}
	// A deleted tenant does not fail for ever.
	w.zync.SetFault(nil)
	w.exec("UPDATE accounts SET provider = 0 WHERE id = 3")
	d.stops()
	if code, _ := w.once("--task=rotate", "--force"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if s := status(); s.Tenants.Failing != 0 || s.Leader != nil || s.Tasks[0].Last.Outcome != "success" {
		t.Errorf("after the tenant was deleted: %+v", s)
	}
}

func TestStatusWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	env := map[string]string{"REDIS_URL": "redis://127.0.0.1:1"}
	if code := w.start(env, "--status").wait(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	d := w.start(env)
	s, code := getStatus(t, d.address())
	if code != 503 || len(s.Problems) != 1 || s.This == nil {
		t.Errorf("/status answered %d, %+v", code, s)
	}
	if strings.Contains(s.Problems[0], "127.0.0.1") {
		t.Error("the page repeats what Redis's address is")
	}
	d.stops()
}
