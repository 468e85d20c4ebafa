package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestRevokeEndsOlderTokensOfTheTenantAlone(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 12, Tokens: true})
	w := openWriter(t, pool)
	owner := seeded.Owners[3]
	// One of the tenant's other admin, from before the impersonation admin came.
	must(t, insert(t, w, token(owner-1, "first admin's"), token(owner, "new")))
	_, err := p.DB.Exec("UPDATE access_tokens SET created_at = created_at - INTERVAL 1 MINUTE WHERE value = \"first admin's\"")
	must(t, err)
	lives := func(where string) (n int) {
		t.Helper()
		must(t, p.DB.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM access_tokens WHERE (expires_at IS NULL OR expires_at >= UTC_TIMESTAMP()) AND "+where))
		return n
	}
	others := lives(fmt.Sprintf("owner_id NOT IN (%d, %d)", owner, owner-1))
	got, err := w.Revoke(t.Context(), []secret.Text{secret.New("unknown"), secret.New("new")}, 0)
	must(t, err)
	// The first admin's, the fresh one and the legacy one; nothing for the unknown.
	if got.Ended != 3 || fmt.Sprint(got.Behind, got.Spared) != "[0] []" {
		t.Errorf("revoked %+v, want 3 tokens, and the unknown one behind", got)
	}
	if lives("value = 'new'") != 1 || lives("value LIKE 'mine-3'") != 1 {
		t.Error("the new token, or one that is no sync token, was revoked")
	}
	if lives("value IN ('fresh-3', 'legacy-3')") != 0 || lives(`value = "first admin's"`) != 0 {
		t.Error("an older token still lives")
	}
	if got := lives(fmt.Sprintf("owner_id NOT IN (%d, %d)", owner, owner-1)); got != others {
		t.Errorf("%d tokens of other tenants live, want %d", got, others)
	}
}

// TestRevokeLocksNobodyOut: whoever else mints and pushes, the token that Zync may
// hold is not ended.
func TestRevokeLocksNobodyOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                       string
		newAge, otherAge, otherEnd string // of the token delivered and of another of the tenant's
		spare                      time.Duration
		want                       string // ended, spared and behind
	}{
		{"an old one ends", "0 SECOND", "1 HOUR", "1 DAY", 10 * time.Minute, "1 [] []"},
		{"one from before tokens expired ends", "0 SECOND", "1 HOUR", "", 10 * time.Minute, "1 [] []"},
		{"one that may still be under way is spared", "0 SECOND", "5 MINUTE", "1 DAY", 10 * time.Minute, "0 [0] []"},
		{"a newer one may be Zync's", "2 HOUR", "1 HOUR", "1 DAY", 0, "0 [] [0]"},
		{"one of the same second ends where nothing is spared", "0 SECOND", "0 SECOND", "1 DAY", 0, "1 [] []"},
		{"one that has expired is nothing", "0 SECOND", "1 HOUR", "-1 HOUR", 0, "0 [] []"},
		{"one that was delivered has expired", "25 HOUR", "26 HOUR", "1 DAY", 0, "0 [] [0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, seeded, pool := open(t, porta.Seed{Tenants: 3})
			w := openWriter(t, pool)
			must(t, insert(t, w, token(seeded.Owners[3], "other"), token(seeded.Owners[3], "new")))
			must(t, insert(t, w, token(seeded.Owners[2], "another tenant's")))
			end := "NULL"
			if c.otherEnd != "" {
				end = "UTC_TIMESTAMP() + INTERVAL " + c.otherEnd
			}
			_, err := p.DB.Exec("UPDATE access_tokens SET created_at = created_at - INTERVAL " + c.otherAge + ", expires_at = " + end + " WHERE value = 'other'")
			must(t, err)
			_, err = p.DB.Exec("UPDATE access_tokens SET created_at = created_at - INTERVAL " + c.newAge +
				", expires_at = created_at + INTERVAL 1 DAY WHERE value = 'new'")
			must(t, err)
			got, err := w.Revoke(t.Context(), []secret.Text{secret.New("new")}, c.spare)
			must(t, err)
			if s := fmt.Sprint(got.Ended, got.Spared, got.Behind); s != c.want {
				t.Errorf("ended, spared and behind are %s, want %s", s, c.want)
			}
		})
	}
}

// TestRevokeOfMany ends more tokens than one statement does, of more tenants.
func TestRevokeOfMany(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 120})
	_, err := p.DB.Exec(`INSERT INTO access_tokens (owner_id, value, name, permission, created_at)
 SELECT ?, CONCAT('old', seq), 'OIDC Synchronization Token', 'ro', '2020-01-01' FROM seq_1_to_2500`, seeded.Owners[3])
	must(t, err)
	w := openWriter(t, pool)
	var batch []db.NewToken
	for account, owner := range seeded.Owners {
		batch = append(batch, token(owner, fmt.Sprint("new", account)))
	}
	must(t, insert(t, w, batch...))
	got, err := w.Revoke(t.Context(), digestsOf(batch), time.Minute)
	must(t, err)
	if got.Ended != 2500 || len(got.Spared)+len(got.Behind) != 0 {
		t.Errorf("ended %d, spared %v, behind %v; want 2500 ended", got.Ended, got.Spared, got.Behind)
	}
}

// TestRevokeAll ends every sync token of some tenants, however young, and nothing else.
func TestRevokeAll(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 60, Tokens: true})
	w := openWriter(t, pool)
	must(t, insert(t, w, token(seeded.Owners[3], "new"), token(seeded.Owners[3]-1, "another admin's")))
	_, err := p.DB.Exec(`INSERT INTO access_tokens (owner_id, value, name, permission, created_at, expires_at)
 VALUES (?, 'ahead', 'OIDC Synchronization Token', 'ro', UTC_TIMESTAMP() + INTERVAL 1 MINUTE, UTC_TIMESTAMP() + INTERVAL 1 DAY)`, seeded.Owners[3])
	must(t, err)
	living := func(where string) (n int) {
		t.Helper()
		must(t, p.DB.GetContext(t.Context(), &n, `SELECT COUNT(*) FROM access_tokens t JOIN users u ON u.id = t.owner_id
 WHERE (t.expires_at IS NULL OR t.expires_at >= UTC_TIMESTAMP()) AND `+where))
		return n
	}
	const sync = "t.name = 'OIDC Synchronization Token'"
	others, mine := living("u.account_id <> 3"), living("u.account_id = 3 AND NOT "+sync)
	ended, err := w.RevokeAll(t.Context(), []int64{3})
	must(t, err)
	if left := living("u.account_id = 3 AND " + sync); left != 0 || ended < 3 {
		t.Errorf("%d sync tokens were ended, and %d live", ended, left)
	}
	if living("u.account_id <> 3") != others || living("u.account_id = 3 AND NOT "+sync) != mine || mine == 0 {
		t.Error("tokens of other tenants, or with other names, were ended")
	}
	var all []int64
	for account := range seeded.Owners {
		all = append(all, account)
	}
	_, err = w.RevokeAll(t.Context(), all)
	must(t, err)
	if left := living(sync); left != 0 {
		t.Errorf("%d sync tokens live after all were revoked", left)
	}
}
