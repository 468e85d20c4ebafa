package db_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func options(p *porta.Porta) db.WriterOptions {
	return db.WriterOptions{Lock: db.LockName(p.Name, "rotate"), LeaseLife: life, MaxSkew: time.Hour}
}

func openWriter(t *testing.T, p *porta.Porta, pool *sqlx.DB) *db.Writer {
	t.Helper()
	w, err := db.OpenWriter(t.Context(), pool, options(p))
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
