package tests

import (
	"os"
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
