package db_test

import (
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestStaleTokens(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 50, Tokens: true})
	now := time.Now().UTC()
	stale := db.NewStaleTokens(pool)
	var expired, legacy []int64
	var after int64
	for {
		page, next, err := stale.Page(t.Context(), after, now, 7)
		must(t, err)
		if next == after {
			break
		}
		for _, token := range page {
			if token.ID <= after || token.ID > next {
				t.Fatalf("id %d, after %d and up to %d", token.ID, after, next)
			}
			if token.Legacy {
				legacy = append(legacy, token.ID)
			} else {
				expired = append(expired, token.ID)
			}
			if seeded.Owners[token.TenantID.Int64] == 0 {
				t.Errorf("token %d: tenant %v", token.ID, token.TenantID)
			}
		}
		after = next
	}
	if len(expired) != seeded.Stale || len(legacy) != seeded.Legacy {
		t.Fatalf("%d expired and %d legacy, want %d and %d", len(expired), len(legacy), seeded.Stale, seeded.Legacy)
	}
	w := openWriter(t, pool)
	var all []int64
	must(t, p.DB.SelectContext(t.Context(), &all, "SELECT id FROM access_tokens"))
	if n, err := w.PurgeExpired(t.Context(), 0, after, now.Add(-2*time.Hour)); err != nil || n != 0 {
		t.Errorf("by a clock that is behind: %d purged, %v", n, err)
	}
	if n, err := w.PurgeExpired(t.Context(), after, after+10, now); err != nil || n != 0 {
		t.Errorf("behind the last: %d purged, %v", n, err)
	}
	if n, err := w.PurgeExpired(t.Context(), 0, after, now.Add(10*time.Hour)); err != nil || n != seeded.Stale {
		t.Errorf("by a clock that is ahead: %d purged, %v; want the server's clock to keep what lives, %d purged", n, err, seeded.Stale)
	}
	if n, err := w.PurgeLegacy(t.Context(), all); err != nil || n != seeded.Legacy {
		t.Errorf("%d legacy purged, %v; want %d", n, err, seeded.Legacy)
	}
	var left int
	must(t, p.DB.GetContext(t.Context(), &left, "SELECT COUNT(*) FROM access_tokens"))
	if want := len(all) - seeded.Stale - seeded.Legacy; left != want {
		t.Errorf("%d tokens left, want %d", left, want)
	}
}

// TestEachStepIsBounded: however few tokens are stale, no statement of a purge looks
// at more rows than it is told.
func TestEachStepIsBounded(t *testing.T) {
	t.Parallel()
	p, seeded, pool := openPrivate(t, porta.Seed{Tenants: 3})
	_, err := p.DB.Exec(`INSERT INTO access_tokens (owner_id, value, name, permission, created_at, expires_at)
 SELECT ?, CONCAT('v', seq), 'OIDC Synchronization Token', 'ro', '2020-01-01', '2099-01-01' FROM seq_1_to_30000`, seeded.Owners[2])
	must(t, err)
	read := func() (n int) {
		must(t, p.DB.Get(&n, `SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status
 WHERE variable_name IN ('Handler_read_next', 'Handler_icp_attempts')`))
		return n
	}
	w, stale, now := openWriter(t, pool), db.NewStaleTokens(pool), time.Now()
	var after int64
	for range 100 {
		before := read()
		page, next, err := stale.Page(t.Context(), after, now, 500)
		must(t, err)
		n, err := w.PurgeExpired(t.Context(), after, next, now)
		must(t, err)
		if len(page)+n > 0 {
			t.Fatalf("%d are stale, %d were purged, of live ones", len(page), n)
		}
		if cost := read() - before; cost > 4*500 {
			t.Fatalf("a step of 500 read %d rows", cost)
		}
		if next == after {
			return
		}
		after = next
	}
	t.Error("the table does not end")
}
