package db_test

import (
	"fmt"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestFailoverThatLosesCommits: a replica that lags becomes the primary, on its port.
// The server says that it is another, the Porta is the same, and the tokens that were
// lost are found, by digest and by owner.
func TestFailoverThatLosesCommits(t *testing.T) {
	t.Parallel()
	primary, replica := servers.Replicated(t)
	p, err := porta.Create(t.Context(), primary.Config())
	must(t, err)
	defer func() { _ = p.DB.Close() }()
	seeded, err := p.Fill(t.Context(), porta.Seed{Tenants: 12})
	must(t, err)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	defer func() { _ = pool.Close() }()
	writers := db.NewWriters(pool, options())
	w := openFrom(t, writers)
	kept, gone := token(seeded.Owners[2], "kept"), token(seeded.Owners[3], "lost")
	must(t, insert(t, w, kept))
	before, err := db.ServerIdentity(t.Context(), pool)
	must(t, err)
	print1, err := db.WhichPorta(t.Context(), pool)
	must(t, err)

	replica.CatchUp(t, primary)
	replica.StopReplication(t)
	must(t, insert(t, w, gone))
	replica.Promote(t, primary)

	mustBe(t, insert(t, w, token(1, "late")), db.ErrWriterLost)
	next := openFrom(t, writers)
	after, err := db.ServerIdentity(t.Context(), pool)
	must(t, err)
	print2, err := db.WhichPorta(t.Context(), pool)
	must(t, err)
	if before.Same(after) || print1.Fingerprint != print2.Fingerprint {
		t.Errorf("servers %+v and %+v, fingerprints %s and %s: want another server and the same Porta", before, after, print1.Fingerprint, print2.Fingerprint)
	}
	tokens := db.NewTokens(pool)
	missing, err := tokens.Missing(t.Context(), digestsOf([]db.NewToken{kept, gone}))
	must(t, err)
	newest, err := tokens.Newest(t.Context(), []int64{seeded.Owners[2], seeded.Owners[3]})
	must(t, err)
	if fmt.Sprint(missing) != "[1]" || len(newest) != 1 || newest[seeded.Owners[2]].IsZero() {
		t.Errorf("missing %v, newest %v: want the third tenant's token gone", missing, newest)
	}
	revoked, err := next.Revoke(t.Context(), []secret.Text{gone.Digest}, 0)
	must(t, err)
	if revoked.Ended != 0 || len(revoked.Behind) != 1 {
		t.Errorf("on the word of a lost token, revoked %+v", revoked)
	}
}
