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

// TestCrontabExample runs each line of crontab.example as cron would.
func TestCrontabExample(t *testing.T) {
	t.Parallel()
	crontab, err := os.ReadFile("../crontab.example")
	must(t, err)
	w := newWorld(t, 12)
	env := filepath.Join(t.TempDir(), "env")
	var lines strings.Builder
	for name, value := range maps.All(w.env) {
		lines.WriteString("export " + name + "='" + value + "'\n")
	}
	must(t, os.WriteFile(env, []byte(lines.String()), 0o600))
	ran := 0
	for _, match := range regexp.MustCompile(`(?m)^[0-9*]\S*(?: \S+){4}  (.+)$`).FindAllStringSubmatch(string(crontab), -1) {
		command := strings.ReplaceAll(match[1], "/etc/token-scheduler.env", env)
		cmd := exec.Command("/bin/sh", "-c", command)
		cmd.Env = []string{"PATH=" + filepath.Dir(binary) + ":/usr/bin:/bin"}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), ": success in ") {
			t.Errorf("%s: %v\n%s", match[1], err, out)
		}
		ran++
	}
	if ran != 2 || w.zync.Pushes() != len(w.seeded.Owners) {
		t.Errorf("%d lines ran, %d tenants were served", ran, w.zync.Pushes())
	}
}
