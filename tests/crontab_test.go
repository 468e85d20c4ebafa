package tests

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// installed installs the files as docs/operations.md says. It returns the folders of
// the programs and of the configuration.
func (w *world) installed() (bin, etc string) {
	w.t.Helper()
	bin, etc = w.t.TempDir(), w.t.TempDir()
	must(w.t, os.Symlink(binary, filepath.Join(bin, "scheduler")))
	wrapper, err := filepath.Abs("../deploy/token-scheduler")
	must(w.t, err)
	must(w.t, os.Symlink(wrapper, filepath.Join(bin, "token-scheduler")))
	secrets := map[string]string{
		"DATABASE_URL": "database-url", "REDIS_URL": "redis-url", "ZYNC_AUTHENTICATION_TOKEN": "zync-authentication-token",
	}
	environment := "# a comment, an empty line, and a value in quotes\n\nLOG_FORMAT='text'\n"
	for name, value := range maps.All(w.env) {
		if file, secret := secrets[name]; secret {
			must(w.t, os.WriteFile(filepath.Join(etc, file), []byte(value+"\n"), 0o600))
		} else {
			environment += name + "=\"" + value + "\"\n"
		}
	}
	must(w.t, os.WriteFile(filepath.Join(etc, "environment"), []byte(environment), 0o600))
	return bin, etc
}

// shell runs a command line as cron would, on a host with these folders.
func shell(line, bin, etc string, env ...string) (string, error) {
	cmd := exec.Command("/bin/sh", "-c", line)
	cmd.Env = append([]string{"PATH=" + bin + ":/usr/bin:/bin", "TOKEN_SCHEDULER_ETC=" + etc}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestCrontabExample runs each line of crontab.example as cron would. Cron mails all
// output, and each failure.
func TestCrontabExample(t *testing.T) {
	t.Parallel()
	crontab := read(t, "crontab.example")
	w := newWorld(t, 12)
	bin, etc := w.installed()
	ran := 0
	for _, match := range regexp.MustCompile(`(?m)^[0-9*]\S*(?: \S+){4}  (.+)$`).FindAllStringSubmatch(crontab, -1) {
		if out, err := shell(match[1], bin, etc); err != nil || out != "" {
			t.Errorf("%s: %v\n%s", match[1], err, out)
		}
		ran++
	}
	if ran != 2 || w.zync.Pushes() != len(w.seeded.Owners) {
		t.Errorf("%d lines ran, %d tenants were served", ran, w.zync.Pushes())
	}
}

// TestCronSaysOnceWhoHasNoOwner: cron mails what a quiet run writes. Tenants without an
// owner are written once, and again when they are others.
func TestCronSaysOnceWhoHasNoOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	for i, run := range []struct {
		ownerless []int64
		written   string
	}{
		{nil, ""}, {[]int64{3}, "tenants=1 tenant_ids=[3]"}, {[]int64{3}, ""}, {[]int64{3, 4}, `tenants=2 tenant_ids="[3 4]"`},
		{[]int64{3, 4}, ""}, {nil, ""}, {[]int64{3, 4}, `tenants=2 tenant_ids="[3 4]"`},
	} {
		w.exec("UPDATE users SET role = 'admin' WHERE account_id IN (3, 4)")
		for _, id := range run.ownerless {
			w.exec("UPDATE users SET role = 'member' WHERE account_id = ?", id)
		}
		p := w.start(nil, "--run-once", "--task=rotate", "--quiet", "--force")
		code, out := p.wait(), p.stdout.String()+p.stderr.String()
		if code != 0 || !strings.Contains(out, run.written) || strings.Count(out, "\n") != min(1, len(run.written)) {
			t.Errorf("run %d: exit code %d\n%s", i, code, out)
		}
	}
	loud := w.start(nil, "--run-once", "--task=rotate", "--force")
	loud.logs("level=INFO", "tenants skipped", `tenant_ids="[3 4]"`)
}

// TestByHandWithTheHostsConfiguration calls token-scheduler as an operator does.
func TestByHandWithTheHostsConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	bin, etc := w.installed()
	out, err := shell("token-scheduler --run-once --task=rotate", bin, etc)
	if err != nil || w.zync.Pushes() != len(w.seeded.Owners) {
		t.Fatalf("%d tenants were served: %v\n%s", w.zync.Pushes(), err, out)
	}
	// What the caller sets overrides the host's files.
	if out, err = shell("token-scheduler --status", bin, etc, "REDIS_URL=redis://127.0.0.1:1"); err == nil {
		t.Errorf("the caller's Redis was not asked:\n%s", out)
	}
	for content, want := range map[string]string{
		"ZYNC_ENDPOINT http://zync:8080": "not NAME=value",
		"export ZYNC_ENDPOINT=x":         "not NAME=value",
		"$(touch /tmp/x)=y":              "not NAME=value",
	} {
		must(t, os.WriteFile(filepath.Join(etc, "environment"), []byte(content+"\n"), 0o600))
		out, err := shell("token-scheduler --status; echo exit $?", bin, etc)
		if err != nil || !strings.Contains(out, want) || !strings.Contains(out, "exit 2") {
			t.Errorf("%s: %v\n%s", content, err, out)
		}
	}
}
