package db_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func token(owner int64, value string) db.NewToken {
	return db.NewToken{OwnerID: owner, TenantID: sql.NullInt64{Int64: 2, Valid: true}, Digest: secret.New(value)}
}

func TestOnlyOneWriter(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	first := openWriter(t, p, pool)
	_, err := db.OpenWriter(t.Context(), pool, options(p))
	mustBe(t, err, db.ErrFenced)
	must(t, first.Close())
	second, err := db.OpenWriter(t.Context(), pool, options(p))
	must(t, err)
	must(t, second.Close())
	must(t, second.Close())
	mustBe(t, second.Insert(t.Context(), []db.NewToken{token(1, "late")}, time.Hour), db.ErrWriterLost)
}

// TestKilledWriterNeverWritesAgain: once the server has dropped the connection
// and given the lock to another, nothing goes through, on no connection.
func TestKilledWriterNeverWritesAgain(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, p, pool)
	must(t, w.Insert(t.Context(), []db.NewToken{token(1, "early")}, time.Hour))
	lock := db.LockName(p.Name, "rotate")
	var holder, freed int64
	must(t, p.DB.GetContext(t.Context(), &holder, "SELECT IS_USED_LOCK(?)", lock))
	_, err := p.DB.ExecContext(t.Context(), fmt.Sprintf("KILL %d", holder))
	must(t, err)
	// KILL does not wait for the end of what it kills.
	must(t, p.DB.GetContext(t.Context(), &freed, "SELECT GET_LOCK(?, 30) + RELEASE_LOCK(?)", lock, lock))
	other := openWriter(t, p, pool)
	for range 3 {
		mustBe(t, w.Insert(t.Context(), []db.NewToken{token(1, "late")}, time.Hour), db.ErrWriterLost)
	}
	var n int
	must(t, p.DB.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM access_tokens WHERE value = 'late'"))
	if n != 0 {
		t.Error("a writer that lost its lock has written")
	}
	must(t, other.Insert(t.Context(), []db.NewToken{token(1, "next")}, time.Hour))
}

// TestServerDropsASilentWriter: a holder that is frozen keeps nobody waiting.
func TestServerDropsASilentWriter(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	o := options(p)
	o.LeaseLife = time.Second
	kept, err := db.OpenWriter(t.Context(), pool, o)
	must(t, err)
	time.Sleep(3 * time.Second) // longer than the server waits: the ping keeps it
	must(t, kept.Insert(t.Context(), []db.NewToken{token(1, "kept")}, time.Hour))
	must(t, kept.Close())

	conn, err := pool.Connx(t.Context()) // a writer without the ping
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "SET SESSION wait_timeout = 2")
	must(t, err)
	_, err = conn.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", o.Lock)
	must(t, err)
	deadline := time.Now().Add(30 * time.Second)
	for {
		next, err := db.OpenWriter(t.Context(), pool, o)
		if err == nil {
			must(t, next.Close())
			return
		}
		mustBe(t, err, db.ErrFenced)
		if time.Now().After(deadline) {
			t.Fatal("the silent holder still has the lock")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestWriterRefusesAClockThatIsFarOff(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	o := options(p)
	o.MaxSkew = 0
	if _, err := db.OpenWriter(t.Context(), pool, o); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("error %v, want one about clocks", err)
	}
	w := openWriter(t, p, pool) // the lock was given back
	if skew := w.Skew().Abs(); skew > time.Minute {
		t.Errorf("skew %s on one machine", skew)
	}
}

func TestDeleteTakesSyncTokensAlone(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, p, pool)
	must(t, w.Insert(t.Context(), []db.NewToken{token(1, "SHA384$a"), token(1, "SHA384$b")}, time.Hour))
	_, err := p.DB.ExecContext(t.Context(), "UPDATE access_tokens SET name = 'mine' WHERE value = 'SHA384$b'")
	must(t, err)
	n, err := w.Delete(t.Context(), []secret.Text{secret.New("SHA384$a"), secret.New("SHA384$b"), secret.New("SHA384$c")})
	must(t, err)
	if n != 1 {
		t.Errorf("%d rows were deleted, want 1", n)
	}
}

func TestErrorsHoldNoDigest(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, p, pool)
	digest := porta.Digest("x")
	must(t, w.Insert(t.Context(), []db.NewToken{token(1, digest)}, time.Hour))
	err := w.Insert(t.Context(), []db.NewToken{token(1, digest)}, time.Hour)
	if err == nil || !strings.Contains(err.Error(), "1062") || strings.Contains(err.Error(), digest[10:20]) {
		t.Errorf("error %v, want a duplicate key without the digest", err)
	}
}

// TestConflictsWithPorta has clients do what Porta does when its cache misses,
// for the very owners for which batches are inserted. None of them may fail
// because of us, and we must get through.
func TestConflictsWithPorta(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 60, Tokens: true})
	w := openWriter(t, p, pool)
	var owners []int64
	for id := int64(1); id <= 61; id++ {
		if owner := seeded.Owners[id]; owner != 0 {
			owners = append([]int64{owner}, owners...) // the order that deadlocks, unless Insert sorts
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for c := range 8 {
		clients.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				owner := owners[(c*len(owners)/8+i)%len(owners)]
				if err := p.MintOnMiss(owner, fmt.Sprintf("porta-%d-%d", c, i)); err != nil {
					t.Errorf("Porta's client: %v", err)
					return
				}
			}
		})
	}
	for i := range 40 {
		batch := make([]db.NewToken, len(owners))
		for j, owner := range owners {
			batch[j] = token(owner, fmt.Sprintf("ours-%d-%d", i, owner))
		}
		if err := w.Insert(t.Context(), batch, time.Hour); err != nil {
			t.Errorf("batch %d: %v", i, err)
		}
	}
	cancel()
	clients.Wait()
}

func TestLockName(t *testing.T) {
	t.Parallel()
	if got := db.LockName("default", "rotate"); got != "token-scheduler:default:rotate" {
		t.Errorf("lock %q", got)
	}
	long, other := strings.Repeat("n", 100), strings.Repeat("n", 99)+"m"
	a, b := db.LockName(long, "rotate"), db.LockName(other, "rotate")
	if len(a) > 64 || len(b) > 64 || a == b {
		t.Errorf("locks %q and %q: want two names of at most 64 characters", a, b)
	}
}

func TestRevokeEndsOlderTokensOfTheTenantAlone(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 12, Tokens: true})
	w := openWriter(t, p, pool)
	owner := seeded.Owners[3]
	// One of the tenant's other admin, from before the impersonation admin came.
	must(t, w.Insert(t.Context(), []db.NewToken{token(owner-1, "first admin's"), token(owner, "new")}, time.Hour))
	must(t, w.Insert(t.Context(), []db.NewToken{token(owner, "newer")}, time.Hour))
	lives := func(where string) (n int) {
		t.Helper()
		must(t, p.DB.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM access_tokens WHERE (expires_at IS NULL OR expires_at >= UTC_TIMESTAMP()) AND "+where))
		return n
	}
	others := lives(fmt.Sprintf("owner_id NOT IN (%d, %d)", owner, owner-1))
	n, err := w.Revoke(t.Context(), []secret.Text{secret.New("new"), secret.New("unknown")})
	must(t, err)
	if n != 3 { // the first admin's, the fresh one and the legacy one
		t.Errorf("%d tokens were revoked, want 3", n)
	}
	if lives("value IN ('new', 'newer')") != 2 || lives("value LIKE 'mine-3'") != 1 {
		t.Error("a newer token, or one that is no sync token, was revoked")
	}
	if lives("value IN ('fresh-3', 'legacy-3')") != 0 || lives(`value = "first admin's"`) != 0 {
		t.Error("an older token still lives")
	}
	if got := lives(fmt.Sprintf("owner_id NOT IN (%d, %d)", owner, owner-1)); got != others {
		t.Errorf("%d tokens of other tenants live, want %d", got, others)
	}
}
