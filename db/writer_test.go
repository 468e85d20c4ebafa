package db_test

import (
	"database/sql"
	"fmt"
	"strings"
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
	_, _, pool := open(t, porta.Seed{Tenants: 2})
	first := openWriter(t, pool)
	_, err := db.NewWriters(pool, options()).Open(t.Context())
	mustBe(t, err, db.ErrFenced)
	must(t, first.Close())
	second, err := db.NewWriters(pool, options()).Open(t.Context())
	must(t, err)
	must(t, second.Close())
	must(t, second.Close())
	mustBe(t, insert(t, second, token(1, "late")), db.ErrWriterLost)
}

// TestKilledWriterNeverWritesAgain: once the server has dropped the connection
// and given the lock to another, nothing goes through, on no connection.
func TestKilledWriterNeverWritesAgain(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, pool)
	must(t, insert(t, w, token(1, "early")))
	lock := db.LockName(p.Name, "rotate")
	var holder, freed int64
	must(t, p.DB.GetContext(t.Context(), &holder, "SELECT IS_USED_LOCK(?)", lock))
	_, err := p.DB.ExecContext(t.Context(), fmt.Sprintf("KILL %d", holder))
	must(t, err)
	// KILL does not wait for the end of what it kills.
	must(t, p.DB.GetContext(t.Context(), &freed, "SELECT GET_LOCK(?, 30) + RELEASE_LOCK(?)", lock, lock))
	other := openWriter(t, pool)
	for range 3 {
		mustBe(t, insert(t, w, token(1, "late")), db.ErrWriterLost)
	}
	var n int
	must(t, p.DB.GetContext(t.Context(), &n, "SELECT COUNT(*) FROM access_tokens WHERE value = 'late'"))
	if n != 0 {
		t.Error("a writer that lost its lock has written")
	}
	must(t, insert(t, other, token(1, "next")))
}

// TestServerDropsASilentWriter: a holder that is frozen keeps nobody waiting.
func TestServerDropsASilentWriter(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	o := options()
	o.LeaseLife = time.Second
	kept, err := db.NewWriters(pool, o).Open(t.Context())
	must(t, err)
	time.Sleep(3 * time.Second) // longer than the server waits: the ping keeps it
	must(t, insert(t, kept, token(1, "kept")))
	must(t, kept.Close())

	conn, err := pool.Connx(t.Context()) // a writer without the ping
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "SET SESSION wait_timeout = 2")
	must(t, err)
	_, err = conn.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", db.LockName(p.Name, "rotate"))
	must(t, err)
	deadline := time.Now().Add(30 * time.Second)
	for {
		next, err := db.NewWriters(pool, o).Open(t.Context())
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
	_, _, pool := open(t, porta.Seed{Tenants: 2})
	o := options()
	o.MaxSkew = 0
	if _, err := db.NewWriters(pool, o).Open(t.Context()); err == nil || !strings.Contains(err.Error(), "clock") {
		t.Errorf("error %v, want one about clocks", err)
	}
	w := openWriter(t, pool) // the lock was given back
	if skew := w.Skew().Abs(); skew > time.Minute {
		t.Errorf("skew %s on one machine", skew)
	}
}

func TestDeleteTakesSyncTokensAlone(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, pool)
	must(t, insert(t, w, token(1, "SHA384$a"), token(1, "SHA384$b")))
	_, err := p.DB.ExecContext(t.Context(), "UPDATE access_tokens SET name = 'mine' WHERE value = 'SHA384$b'")
	must(t, err)
	n, err := w.Delete(t.Context(), []secret.Text{secret.New("SHA384$a"), secret.New("SHA384$b"), secret.New("SHA384$c")})
	must(t, err)
	if n != 1 {
		t.Errorf("%d rows were deleted, want 1", n)
	}
}

func TestLockName(t *testing.T) {
	t.Parallel()
	a, b := db.LockName("porta", "rotate"), db.LockName("Porta", "rotate")
	if len(a) > 64 || a == b || !strings.HasPrefix(a, "token-scheduler:rotate:") {
		t.Errorf("locks %q and %q: want two names of at most 64 characters", a, b)
	}
}
