package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

const life = 15 * time.Second

// open returns a seeded Porta, and the pool of one who has the scheduler's rights.
func open(t *testing.T, seed porta.Seed) (*porta.Porta, *porta.Seeded, *sqlx.DB) {
	t.Helper()
	p := porta.New(t)
	seeded, err := p.Fill(t.Context(), seed)
	must(t, err)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return p, seeded, pool
}

// openPrivate is open on a server of the test's own, with further options.
func openPrivate(t *testing.T, seed porta.Seed, extra ...string) (*porta.Porta, *porta.Seeded, *sqlx.DB) {
	t.Helper()
	p, err := porta.Create(t.Context(), servers.PrivateMariaDB(t, extra...).Config())
	must(t, err)
	t.Cleanup(func() { _ = p.DB.Close() })
	seeded, err := p.Fill(t.Context(), seed)
	must(t, err)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return p, seeded, pool
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options() db.WriterOptions {
	return db.WriterOptions{Task: "rotate", LeaseLife: life, MaxSkew: time.Hour}
}

func openWriter(t *testing.T, pool *sqlx.DB) *db.Writer {
	t.Helper()
	return openFrom(t, db.NewWriters(pool, options()))
}

func openFrom(t *testing.T, writers *db.Writers) *db.Writer {
	t.Helper()
	w, err := writers.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// insert writes tokens that live for an hour. None may be refused.
func insert(t *testing.T, w *db.Writer, tokens ...db.NewToken) error {
	t.Helper()
	refused, err := w.Insert(t.Context(), tokens, time.Hour)
	for _, r := range refused {
		t.Errorf("token %d was refused: %v", r.Index, r.Err)
	}
	return err
}

func digestsOf(tokens []db.NewToken) []secret.Text {
	digests := make([]secret.Text, len(tokens))
	for i, t := range tokens {
		digests[i] = t.Digest
	}
	return digests
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
