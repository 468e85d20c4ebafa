package tests

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var everyTwoSeconds = map[string]string{"ROTATE_SCHEDULE": "@every 2s"}

func TestDaemonOnAOneMinuteSchedule(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 25)
	w.watch()
	owners := len(w.seeded.Owners)
	d := w.start(map[string]string{"ROTATE_SCHEDULE": "* * * * *"})
	d.logs("token-scheduler starts", "next_rotate=", "next_janitor=", "zync_authentication_token=[redacted]")
	d.logs("run ended", "outcome=success") // what the window it started in still lacked
	eventually(t, "rotation by the schedule", func() bool { return w.zync.Pushes() >= 2*owners })
	d.stops()
	for line := range strings.SplitSeq(strings.TrimSpace(d.stderr.String()), "\n") {
		if !strings.HasPrefix(line, "time=") {
			t.Errorf("not a line of the log: %s", line)
		}
	}
}

func TestStandbyTakesOverAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 25)
	w.watch()
	leader := w.start(everyTwoSeconds)
	leader.logs("msg=leading")
	standby := w.start(everyTwoSeconds)
	standby.logs("standing by")
	leader.logs("run ended", "outcome=success")
	leader.signal(syscall.SIGKILL)
	killed := time.Now()
	standby.logs("msg=leading")
	t.Logf("took over %s after the kill", time.Since(killed).Round(time.Millisecond))
	standby.logs("run ended", "outcome=success")
	standby.stops()
}

func TestStandbyTakesOverAtOnceAfterACleanStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 25)
	w.watch()
	leader := w.start(everyTwoSeconds)
	leader.logs("run ended", "outcome=success")
	standby := w.start(everyTwoSeconds)
	standby.logs("standing by")
	leader.stops()
	stopped := time.Now()
	standby.logs("msg=leading")
	if waited := time.Since(stopped); waited > 10*time.Second { // 15 s is the life of a lease that was not given up
		t.Errorf("led only after %s: the lease was not given up", waited)
	}
}

func TestRunOnceBesideADaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 25)
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	code, r := w.once()
	if code != 0 || r.Tasks[0].Already != len(w.seeded.Owners) || r.Tasks[1].Purged == 0 {
		t.Errorf("exit code %d, reports %+v", code, r.Tasks)
	}
}

func TestSigtermDrainsARun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 120)
	w.watch()
	before := w.lastTokenID()
	w.zync.SetFault(slowly)
	d := w.start(nil)
	eventually(t, "pushes", func() bool { return w.zync.Pushes() > 10 })
	d.stops()
	d.logs("run ended", "outcome=partial", "the program stops")
	if minted, pushed := len(w.minted(before)), w.zync.Pushes(); minted != pushed {
		t.Errorf("%d tokens were minted and %d pushed: what is in hand is to go out first", minted, pushed)
	}
	w.zync.SetFault(nil)
	if code, r := w.once("--task=rotate"); code != 0 || r.Tasks[0].Already+r.Tasks[0].Delivered != len(w.seeded.Owners) || r.Tasks[0].Already == 0 {
		t.Errorf("the rest: exit code %d, report %+v", code, r.Tasks[0])
	}
}

func TestMissedPurgeIsMadeUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	if code, _ := w.once("--task=janitor"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	// The success on record is older than the last firing.
	client := w.redis()
	key := "token-scheduler:{" + w.porta.Name + "}:runs"
	must(t, client.HSet(t.Context(), key, "janitor:complete", time.Now().Add(-8*24*time.Hour).UnixMilli()).Err())
	w.exec("UPDATE access_tokens SET expires_at = '2020-01-01' WHERE name = 'OIDC Synchronization Token' AND value LIKE 'fresh-%'")
	d := w.start(nil)
	d.logs("run ended", "task=janitor", "outcome=success")
	line := d.logs("run ended", "task=janitor")
	if !strings.Contains(line, "purged=") || strings.Contains(line, "purged=0") {
		t.Errorf("nothing was purged: %s", line)
	}
}

func TestMetricsAndProbes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 25)
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(d.logs("msg=listening"))[1]
	get := func(path string) (int, string) {
		t.Helper()
		response, err := http.Get("http://" + address + path)
		must(t, err)
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(path); status != http.StatusOK {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	_, page := get("/metrics")
	seen := &buffer{}
	_, _ = io.WriteString(seen, page)
	w.output = append(w.output, seen) // for the search for secrets
	for _, want := range []string{
		`token_scheduler_build_info{version="dev"} 1`,
		`token_scheduler_leader 1`,
		`token_scheduler_task_runs_total{outcome="success",task="rotate"} 1`,
		`token_scheduler_task_runs_total{outcome="skipped",task="janitor"} 0`,
		`token_scheduler_task_duration_seconds_count{task="rotate"} 1`,
		`token_scheduler_task_last_success_timestamp_seconds{task="rotate"} 1`,
		`token_scheduler_task_next_run_timestamp_seconds{task="janitor"} 1`,
		`token_scheduler_tokens_minted_total 26`,
		`token_scheduler_pushes_total{outcome="delivered"} 26`,
		`token_scheduler_pushes_total{outcome="rejected"} 0`,
		`token_scheduler_push_duration_seconds_count 26`,
		`token_scheduler_tokens_purged_total 0`,
		`token_scheduler_tenants{state="served"} 26`,
		`token_scheduler_tenants{state="at_risk"} 0`,
		`token_scheduler_oldest_delivery_age_seconds `,
	} {
		if !strings.Contains(page, "\n"+want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
