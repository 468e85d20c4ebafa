package tests

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestReadmeQuery runs the query that README gives to find out whether an installation
// needs the scheduler. It lists the approved tenants without a token that is sure to
// work, and nobody after a rotation.
func TestReadmeQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.exec("DELETE FROM access_tokens")
	future := time.Now().Add(time.Hour)
	for account, token := range map[int64]struct {
		value   string
		expires any
	}{
		8:  {"SHA384$expired", time.Now().Add(-time.Minute)},
		16: {"SHA384$alive", future},
		24: {"SHA384$never-expires", nil}, // Zync may hold its digest
		32: {"plaintext", nil},            // of a Porta that stores no digests
	} {
		w.exec("INSERT INTO access_tokens (owner_id, scopes, value, name, permission, expires_at) VALUES (?, '', ?, 'OIDC Synchronization Token', 'ro', ?)",
			w.seeded.Owners[account], token.value, token.expires)
	}
	found := w.readmeQuery()
	for account, want := range map[int64]bool{8: true, 16: false, 24: true, 32: false, 40: true, 9: false} {
		if slices.Contains(found, account) != want {
			t.Errorf("tenant %d is listed: %v, want %v (all: %v)", account, !want, want, found)
		}
	}
	if code, _ := w.once("--task=rotate"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, account := range w.readmeQuery() {
		if !slices.Contains(w.seeded.NoOwner, account) {
			t.Errorf("tenant %d is listed after a rotation", account)
		}
	}
}

// TestReadmeTour runs the commands of README's tour as they are printed, on servers of
// its own, and looks for each line that README shows. A "…" stands for anything.
func TestReadmeTour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 60)
	w.exec(fmt.Sprintf("REVOKE DELETE ON %[1]s.access_tokens FROM %[1]s@'%%'", w.porta.Name))
	_, tour, _ := strings.Cut(read(t, "README.md"), "## A minute's tour")
	tour, _, _ = strings.Cut(tour, "\n## ")
	tour = strings.ReplaceAll(tour, "system_enterprise", w.porta.Name)
	ran := 0
	for _, block := range strings.Split(tour, "    $ bin/scheduler")[1:] {
		args, block, _ := strings.Cut(block, "\n")
		p := w.start(nil, strings.Fields(args)...)
		if args == "" { // the daemon
			p.logs("run ended")
			p.stops()
		}
		p.wait()
		out := p.stdout.String() + p.stderr.String()
		for line := range strings.Lines(block) {
			if !strings.HasPrefix(line, "    ") {
				break
			}
			if !shows(out, line) {
				t.Errorf("%s does not print what README shows:\n%s\nbut\n%s", args, line, out)
			}
		}
		if ran++; ran == 1 { // README shows --check before and the runs after this is mended
			w.exec(fmt.Sprintf("GRANT DELETE ON %[1]s.access_tokens TO %[1]s@'%%'", w.porta.Name))
		}
	}
	if ran != 4 {
		t.Errorf("README shows %d commands", ran)
	}
}

// numbers are numbers, times, durations and the ids of runs.
var numbers = regexp.MustCompile(`[0-9][0-9.:TZ-]*(µs|ms|s)?|run_id=\w+`)

// shows is true if an output has the line, with whatever numbers.
func shows(out, line string) bool {
	line = numbers.ReplaceAllString(strings.TrimSpace(line), "0")
	parts := strings.Split(line, "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(strings.Join(parts, ".*")).MatchString(numbers.ReplaceAllString(out, "0"))
}

// readmeQuery returns the ids that the first query of README finds.
func (w *world) readmeQuery() []int64 {
	w.t.Helper()
	readme, err := os.ReadFile("../README.md")
	must(w.t, err)
	_, after, _ := strings.Cut(string(readme), "```sql\n")
	query, _, _ := strings.Cut(after, "```")
	var rows []struct {
		ID      int64   `db:"id"`
		Host    *string `db:"self_domain"`
		Expired *string `db:"last_token_expired_at"`
	}
	must(w.t, w.porta.DB.Select(&rows, query))
	var ids []int64
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids
}
