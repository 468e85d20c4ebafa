package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// tool runs an installed program and returns its output.
func tool(t *testing.T, dir, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		servers.SkipWithout(t, fmt.Errorf("%w: %s (run make deps)", servers.ErrNotInstalled, name))
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// read returns the content of a file of the project.
func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	must(t, err)
	return string(content)
}

var exposure = regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`)

func TestSystemdUnits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	units, err := filepath.Glob("../deploy/systemd/*")
	must(t, err)
	var names []string
	for _, unit := range units {
		// verify looks for the program, which is not installed here.
		content := strings.ReplaceAll(read(t, "deploy", "systemd", filepath.Base(unit)), "/usr/local/bin/scheduler", binary)
		names = append(names, filepath.Base(unit))
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(unit)), []byte(content), 0o600))
	}
	if len(names) != 4 {
		t.Errorf("the units are %v", names)
	}
	args := []string{"verify", "--man=no"}
	for _, name := range names {
		args = append(args, "./"+strings.Replace(name, "@.", "@rotate.", 1))
	}
	if out, err := tool(t, dir, "systemd-analyze", args...); err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("verify: %v\n%s", err, out)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, ".service") {
			continue
		}
		out, err := tool(t, dir, "systemd-analyze", "security", "--offline=true", "./"+name)
		must(t, err)
		found := exposure.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("no exposure in\n%s", out)
		}
		if level, err := strconv.ParseFloat(found[1], 64); err != nil || level > 1.5 {
			t.Errorf("%s is exposed at %s, want 1.5 at most", name, found[1])
		}
	}
}

// alertRules are the files with rules, one for each way to run the scheduler.
func alertRules() []string { return []string{"rules.yml", "rules_runs.yml", "rules_cronjobs.yml"} }

// ruleTests are the files with tests of the rules.
func ruleTests(t *testing.T) (files []string) {
	t.Helper()
	found, err := filepath.Glob("../deploy/prometheus/*_test.yml")
	must(t, err)
	for _, file := range found {
		files = append(files, filepath.Base(file))
	}
	return files
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		append([]string{"check", "rules"}, alertRules()...),
		append([]string{"test", "rules"}, ruleTests(t)...),
	} {
		if out, err := tool(t, "../deploy/prometheus", "promtool", args...); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestUnitsHoldBackCoresAndBadConfiguration: a core dump would have tokens in it, and a
// restart does not help against exit code 2.
func TestUnitsHoldBackCoresAndBadConfiguration(t *testing.T) {
	t.Parallel()
	daemon, once := read(t, "deploy", "systemd", "token-scheduler.service"), read(t, "deploy", "systemd", "token-scheduler-run@.service")
	for _, line := range []string{"LimitCORE=0", "DynamicUser=yes", "MemoryDenyWriteExecute=yes"} {
		if !strings.Contains(daemon, "\n"+line+"\n") || !strings.Contains(once, "\n"+line+"\n") {
			t.Errorf("a unit lacks %s", line)
		}
	}
	if !strings.Contains(daemon, "\nRestartPreventExitStatus=2\n") {
		t.Error("bad configuration is started for ever")
	}
	for _, line := range []string{"Environment=METRICS_FILE=%t/token-scheduler/token-scheduler.prom", "RuntimeDirectory=token-scheduler", "RuntimeDirectoryPreserve=yes"} {
		if !strings.Contains(once, "\n"+line+"\n") {
			t.Errorf("the timers' runs lack %s", line)
		}
	}
}

// TestPrometheusRulesAreTheRules compares the rules for Prometheus's operator with the
// others. UPDATE=1 writes them.
func TestPrometheusRulesAreTheRules(t *testing.T) {
	t.Parallel()
	for file, component := range map[string]string{"rules.yml": "monitoring", "rules_cronjobs.yml": "monitoring-cronjob"} {
		var want strings.Builder
		want.WriteString("# deploy/prometheus/" + file + " for Prometheus's operator; make docs writes it.\n" +
			"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: token-scheduler\nspec:\n")
		_, groups, _ := strings.Cut(read(t, "deploy", "prometheus", file), "\ngroups:\n")
		for line := range strings.Lines("groups:\n" + groups) {
			if strings.TrimSpace(line) != "" {
				want.WriteString("  ")
			}
			want.WriteString(line)
		}
		if os.Getenv("UPDATE") != "" {
			must(t, os.WriteFile(filepath.Join("../deploy/kubernetes", component, "prometheusrule.yaml"), []byte(want.String()), 0o600))
		}
		if read(t, "deploy", "kubernetes", component, "prometheusrule.yaml") != want.String() {
			t.Errorf("%s/prometheusrule.yaml is not %s: run make docs", component, file)
		}
	}
}

var alertLine = regexp.MustCompile(`(?m)alert: (\w+)$`)

// alerts are the names of the alert rules in a file of deploy/prometheus.
func alerts(t *testing.T, file string) (names []string) {
	t.Helper()
	for _, match := range alertLine.FindAllStringSubmatch(read(t, "deploy", "prometheus", file), -1) {
		names = append(names, match[1])
	}
	return names
}

func TestEachAlertHasItsTestAndItsParagraph(t *testing.T) {
	t.Parallel()
	tests := map[string]string{}
	for _, file := range ruleTests(t) {
		content := read(t, "deploy", "prometheus", file)
		_, rules, _ := strings.Cut(content, "rule_files: [")
		rules, _, _ = strings.Cut(rules, "]")
		tests[rules] += content
	}
	named := map[string]bool{}
	for _, file := range alertRules() {
		rules := read(t, "deploy", "prometheus", file)
		for _, name := range alerts(t, file) {
			named[name] = true
			if !strings.Contains(tests[file], `{alertname="`+name+`"}`) {
				t.Errorf("%s of %s fires in no test", name, file)
			}
			if !strings.Contains(rules, "docs/runbook.md#"+strings.ToLower(name)) {
				t.Errorf("%s does not point to its paragraph", name)
			}
		}
	}
	var paragraphs []string
	for line := range strings.Lines(read(t, "docs", "runbook.md")) {
		if name, found := strings.CutPrefix(line, "## TokenScheduler"); found {
			paragraphs = append(paragraphs, "TokenScheduler"+strings.TrimSpace(name))
		}
	}
	if names := slices.Sorted(maps.Keys(named)); !slices.Equal(names, slices.Sorted(slices.Values(paragraphs))) {
		t.Errorf("alerts %v, paragraphs of the runbook %v", names, paragraphs)
	}
}

var metricName = regexp.MustCompile(`\b(token_scheduler|process)_[a-z_]+`)

// ofTheGateway tells whether only a daemon with a gateway has the metric.
func ofTheGateway(name string) bool {
	return strings.HasPrefix(name, "token_scheduler_gateway_") || name == "token_scheduler_placeholders"
}

// TestRulesAndDashboardAskForMetricsThatExist compares them with a daemon's metrics.
func TestRulesAndDashboardAskForMetricsThatExist(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 10)
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	response, err := http.Get(d.address() + "/metrics")
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	must(t, err)
	exist := map[string]bool{}
	for _, name := range metricName.FindAllString(string(content), -1) {
		exist[name] = true
	}
	if !json.Valid([]byte(read(t, "deploy", "grafana", "dashboard.json"))) {
		t.Error("the dashboard is no JSON")
	}
	files := []string{"grafana/dashboard.json"}
	for _, file := range append(alertRules()[:2], ruleTests(t)...) {
		files = append(files, "prometheus/"+file)
	}
	for _, file := range files {
		asked := metricName.FindAllString(read(t, "deploy", file), -1)
		if len(asked) == 0 && !strings.Contains(file, "cronjobs") {
			t.Errorf("%s asks for nothing", file)
		}
		for _, name := range slices.Compact(slices.Sorted(slices.Values(asked))) {
			if !exist[name] && !ofTheGateway(name) {
				t.Errorf("%s asks for %s, which does not exist", file, name)
			}
		}
	}
	d.stops()
}

var variable = regexp.MustCompile(`(?m)(?:^#|^Environment=|- name: |- \{name: |- )([A-Z][A-Z0-9_]+)(?:=|,|$)`)

// TestDeploymentsSetVariablesThatExist: no unit and no manifest sets a variable that
// the program does not read.
func TestDeploymentsSetVariablesThatExist(t *testing.T) {
	t.Parallel()
	help, err := exec.Command(binary, "--help").Output()
	must(t, err)
	set := map[string]string{}
	must(t, filepath.WalkDir("../deploy", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range variable.FindAllStringSubmatch(string(content), -1) {
			set[match[1]] = path
		}
		return err
	}))
	if len(set) < 9 {
		t.Errorf("only %v are set", slices.Sorted(maps.Keys(set)))
	}
	for name, path := range set {
		if !strings.Contains(string(help), name) {
			t.Errorf("%s sets %s, which the program does not know", path, name)
		}
	}
}
