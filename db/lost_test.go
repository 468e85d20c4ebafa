package db_test

import (
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// TestFencedSaysByWhom: an operator learns which connection holds the lock.
func TestFencedSaysByWhom(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	first := openWriter(t, pool)
	_, err := db.NewWriters(pool, options()).Open(t.Context())
	mustBe(t, err, db.ErrFenced)
	if !strings.Contains(err.Error(), "of "+p.Name+" at 127.0.0.1:") || !strings.Contains(err.Error(), "sleep") {
		t.Errorf("error %v, want one that names the holder", err)
	}
	must(t, first.Close())
	conn, err := p.DB.Connx(t.Context()) // another user's, which ours may not see
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.ExecContext(t.Context(), "DO GET_LOCK(?, 0)", db.LockName(p.Name, "rotate"))
	must(t, err)
	_, err = db.NewWriters(pool, options()).Open(t.Context())
	mustBe(t, err, db.ErrFenced)
	if !strings.Contains(err.Error(), "another user's") {
		t.Errorf("error %v, want one that says that the holder is another user's", err)
	}
}

// TestALostWriterIsNotAnotherScheduler: a connection of ours that the server still
// has, with the lock, is ended by the next writer of the same process, and fences
// everybody else.
func TestALostWriterIsNotAnotherScheduler(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{Tenants: 2})
	writers := db.NewWriters(pool, options())
	lost := openFrom(t, writers)
	lost.Abandon()
	_, err := db.NewWriters(pool, options()).Open(t.Context())
	mustBe(t, err, db.ErrFenced)
	next := openFrom(t, writers)
	must(t, insert(t, next, token(1, "next")))
	mustBe(t, insert(t, lost, token(1, "late")), db.ErrWriterLost)
}

// TestAStatementWithoutEndKeepsNoLock: after a time-out the server's thread would go
// on, and hold the lock for as long as the statement takes.
func TestAStatementWithoutEndKeepsNoLock(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	w := openWriter(t, pool)
	// A wait for a row's lock is one that the server does not end when the client is
	// gone. MySQL has no limit on an INSERT, as this session has none.
	must(t, w.ExecInSession(t.Context(), "SET max_statement_time = 0, innodb_lock_wait_timeout = 300"))
	other, err := p.DB.Beginx()
	must(t, err)
	defer func() { _ = other.Rollback() }()
	_, err = other.Exec("INSERT INTO access_tokens (owner_id, value, name, permission) VALUES (1, 'slow', 'x', 'ro')")
	must(t, err)
	err = insert(t, w, token(1, "slow"))
	mustBe(t, err, db.ErrWriterLost)
	if !db.TimedOut(err) {
		t.Errorf("error %v, want a time-out", err)
	}
	began := time.Now()
	var free int
	must(t, p.DB.Get(&free, "SELECT GET_LOCK(?, 30)", db.LockName(p.Name, "rotate")))
	if took := time.Since(began); free != 1 || took > 10*time.Second {
		t.Errorf("the lock was free (%d) after %s", free, took)
	}
}

// TestTheServerEndsAStatementFirst: where it can, the writer outlives a statement
// that takes too long.
func TestTheServerEndsAStatementFirst(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 2})
	_, err := p.DB.Exec(`CREATE TRIGGER slow BEFORE INSERT ON access_tokens FOR EACH ROW
 BEGIN IF NEW.value = 'slow' THEN DO SLEEP(300); END IF; END`)
	must(t, err)
	w := openWriter(t, pool)
	if err := insert(t, w, token(1, "slow")); !db.TimedOut(err) || !strings.Contains(db.Advice(err), "too long") {
		t.Errorf("error %v, advice %q, want a time-out", err, db.Advice(err))
	}
	must(t, insert(t, w, token(1, "next")))
}

// TestAClockThatStepsCostsTheWriter: what was inserted by a wrong clock may be dead.
func TestAClockThatStepsCostsTheWriter(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"- 90000", "+ 90000", "+ 120"} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			_, _, pool := open(t, porta.Seed{Tenants: 2})
			w := openWriter(t, pool)
			must(t, insert(t, w, token(1, "before")))
			must(t, w.Look(t.Context()))
			must(t, w.ExecInSession(t.Context(), "SET timestamp = UNIX_TIMESTAMP() "+set))
			err := insert(t, w, token(1, "after"))
			mustBe(t, err, db.ErrWriterLost)
			mustBe(t, err, db.ErrClockStepped)
			must(t, openWriter(t, pool).Close()) // the lock was given back
		})
	}
}

// TestAReplicaCostsTheWriter: a primary that was demoted says so, and the next
// connection may find the new one.
func TestAReplicaCostsTheWriter(t *testing.T) {
	t.Parallel()
	p, _, pool := openPrivate(t, porta.Seed{Tenants: 2})
	w := openWriter(t, pool)
	_, err := p.DB.Exec("SET GLOBAL read_only = 1")
	must(t, err)
	err = insert(t, w, token(1, "late"))
	mustBe(t, err, db.ErrWriterLost)
	if !db.ReadOnly(err) || !strings.Contains(err.Error(), "1290") || !strings.Contains(db.Advice(err), "primary") {
		t.Errorf("error %v, advice %q", err, db.Advice(err))
	}
}
