package tests

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// TestTwoPortasOneName: a second Porta with the same Redis and the same name, as of
// staging, is refused by the daemon, by hand and by --check, and the first goes on as
// before. After the first has gone, the second takes over, and everyone is served.
func TestTwoPortasOneName(t *testing.T) {
	t.Parallel()
	first := newWorld(t, 40)
	first.watch()
	second := newWorldOn(t, porta.New(t), first.env["REDIS_URL"], 60)
	second.watch()
	second.env["SCHEDULER_NAME"] = first.env["SCHEDULER_NAME"]

	leader := first.start(nil)
	leader.logs("run ended", "task=rotate", "outcome=success")
	before := first.zync.Pushes()
	refused := second.start(nil)
	refused.logs("level=ERROR", "belong to another Porta", first.porta.Name, second.porta.Name, "SCHEDULER_NAME")
	eventually(t, "another answer than ready", func() bool {
		code, _ := get(t, refused, "/readyz")
		return code == http.StatusServiceUnavailable
	})
	_, page := get(t, refused, "/")
	for _, text := range []string{"belong to another Porta", "other_porta", first.porta.Name, second.porta.Name} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not say %q:\n%s", text, page)
		}
	}
	if !strings.Contains(refused.metrics(t), "token_scheduler_other_porta 1") {
		t.Error("the metrics do not say it")
	}
	for _, args := range [][]string{{}, {"--task=rotate", "--force"}, {"--task=rotate", "--revoke"}, {"--dry-run"}, {"--task=janitor"}} {
		code, r := second.once(args...)
		for _, task := range r.Tasks {
			if code != 1 || task.Outcome != "failed" || !strings.Contains(task.Error, "another Porta") || task.Delivered+task.Purged+task.Already > 0 {
				t.Errorf("%q: exit code %d, report %+v", args, code, task)
			}
		}
	}
	code, findings := second.check(nil)
	if code != 1 || !slices.ContainsFunc(findings, func(f finding) bool { return f.Check == "redis owner" && f.Result == "failure" }) {
		t.Errorf("exit code %d of --check, %+v", code, findings)
	}
	look := second.start(nil, "--status")
	if code := look.wait(); code != 1 || !strings.Contains(look.stdout.String(), "belong to another Porta") {
		t.Errorf("exit code %d of --status:\n%s", code, look.stdout)
	}
	if code := second.start(nil, "--take-over").wait(); code != 75 {
		t.Errorf("exit code %d of --take-over beside the other's leader", code)
	}
	if n := second.zync.Pushes(); n > 0 {
		t.Errorf("%d pushes by the second Porta's schedulers", n)
	}
	if first.zync.Pushes() != before || strings.Contains(leader.stderr.String(), "giving way") {
		t.Error("the first Porta's daemon was disturbed")
	}
	if code := first.start(nil, "--status").wait(); code != 0 {
		t.Errorf("exit code %d of the first Porta's --status", code)
	}

	leader.stops()
	since := time.Now()
	over := second.start(nil, "--take-over")
	if code := over.wait(); code != 0 || !strings.Contains(over.stdout.String(), "taken over") {
		t.Errorf("exit code %d of --take-over: %s", code, over.stdout)
	}
	refused.logs("msg=leading")
	second.servedSince(since)
	if code, r := first.once("--task=rotate"); code != 1 || r.Tasks[0].Delivered > 0 {
		t.Errorf("exit code %d of the first Porta afterwards, %+v", code, r)
	}
	if code := second.start(nil, "--take-over").wait(); code != 0 {
		t.Errorf("exit code %d of a second --take-over", code)
	}
	refused.stops()
}

// get asks a daemon for a page.
func get(t *testing.T, p *proc, path string) (code int, body string) {
	t.Helper()
	response, err := http.Get(p.address() + path)
	must(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(content)
}

// TestALostFingerprintIsWritten: Redis has lost it, or another program has written to
// its key.
func TestALostFingerprintIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	client, key := w.redis(), "token-scheduler:{"+w.porta.Name+"}:porta"
	for _, spoil := range []func() error{
		func() error { return nil }, // never written
		func() error { return client.Del(t.Context(), key).Err() },
		func() error { return client.Set(t.Context(), key, "x", 0).Err() },
		func() error { return client.LPush(t.Context(), key, "x").Err() },
	} {
		must(t, client.Del(t.Context(), key).Err())
		must(t, spoil())
		if code, findings := w.check(nil); code != 0 {
			t.Errorf("exit code %d of --check, %+v", code, findings)
		}
		if code, r := w.once("--task=rotate", "--force"); code != 0 || r.Tasks[0].Delivered != len(w.seeded.Owners) {
			t.Errorf("exit code %d, %+v", code, r)
		}
		if got, err := client.Get(t.Context(), key).Result(); err != nil || !strings.Contains(got, "/"+w.porta.Name+"/") {
			t.Errorf("the fingerprint is %q, %v", got, err)
		}
	}
}

// TestARenamedMasterIsTheSamePorta: the host of the master account is changed while
// daemons are there. Nobody has to take over, and the ledger stays.
func TestARenamedMasterIsTheSamePorta(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.watch()
	leader := w.start(nil)
	leader.logs("run ended", "task=rotate", "outcome=success")
	w.exec("UPDATE accounts SET self_domain = 'renamed.example.com', domain = 'renamed.example.com' WHERE master = 1")
	if code, r := w.once("--task=rotate"); code != 1 || !strings.Contains(r.Tasks[0].Error, "take-over") {
		t.Errorf("exit code %d of a process that does not know the old host, %+v", code, r)
	}
	leader.logs("was changed", "porta=renamed.example.com/")
	if code, r := w.once("--task=rotate"); code != 0 || r.Tasks[0].Already != len(w.seeded.Owners) {
		t.Errorf("exit code %d after the rename, %+v", code, r)
	}
	if code := w.start(nil, "--status").wait(); code != 0 {
		t.Errorf("exit code %d of --status after the rename", code)
	}
	leader.stops()
	if strings.Contains(leader.stderr.String(), "belong to another Porta") {
		t.Error("the leader took its own Porta for another")
	}
}

// TestMySQLRefusesFromTheStart: page and --status say why nobody leads.
func TestMySQLRefusesFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	w.exec("ALTER USER " + w.porta.Name + "@'%' ACCOUNT LOCK")
	d := w.start(nil)
	d.logs("not leading until MySQL answers", "4151")
	look := w.start(nil, "--status")
	if code := look.wait(); code != 1 || !strings.Contains(look.stdout.String(), "4151") {
		t.Errorf("exit code %d of --status:\n%s", code, look.stdout)
	}
	if _, page := get(t, d, "/"); !strings.Contains(page, "4151") {
		t.Errorf("the page does not say why nobody leads:\n%s", page)
	}
	w.exec("ALTER USER " + w.porta.Name + "@'%' ACCOUNT UNLOCK")
	d.logs("run ended", "task=rotate", "outcome=success")
	d.stops()
}
