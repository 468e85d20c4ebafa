package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 20, Tokens: true})
	w := openWriter(t, pool)
	var batch []db.NewToken
	for i := range 1200 {
		batch = append(batch, token(seeded.Owners[2], fmt.Sprint("v", i)))
	}
	must(t, insert(t, w, batch...))
	for _, statement := range []string{
		"DELETE FROM access_tokens WHERE value = 'v7'",
		"UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND WHERE value = 'v600'",
		"UPDATE access_tokens SET owner_id = 999999 WHERE value = 'v1199'",
		"UPDATE access_tokens SET expires_at = NULL WHERE value = 'v8'", // never ends
	} {
		_, err := p.DB.Exec(statement)
		must(t, err)
	}
	tokens := db.NewTokens(pool)
	missing, err := tokens.Missing(t.Context(), digestsOf(batch))
	must(t, err)
	if fmt.Sprint(missing) != "[7 600 1199]" {
		t.Errorf("missing %v, want the deleted, the expired and the ownerless", missing)
	}
	missing, err = tokens.Missing(t.Context(), nil)
	if err != nil || len(missing) != 0 {
		t.Errorf("missing %v, %v of nothing", missing, err)
	}
	if ok, err := db.NewTenants(pool, "x").Accepts(t.Context(), secret.New("v1")); err != nil || !ok {
		t.Errorf("accepted %t, %v", ok, err)
	}
}

func TestNewest(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 20, Tokens: true})
	w := openWriter(t, pool)
	must(t, insert(t, w, token(seeded.Owners[2], "two"), token(seeded.Owners[3], "three")))
	for _, statement := range []string{
		"UPDATE access_tokens SET created_at = '2030-01-02 03:04:05' WHERE value = 'two'",
		"UPDATE access_tokens SET created_at = '2031-01-01', expires_at = '2020-01-01' WHERE value = 'three'",
		fmt.Sprintf("DELETE FROM access_tokens WHERE owner_id = %d", seeded.Owners[4]),
	} {
		_, err := p.DB.Exec(statement)
		must(t, err)
	}
	newest, err := db.NewTokens(pool).Newest(t.Context(), []int64{seeded.Owners[2], seeded.Owners[3], seeded.Owners[4]})
	must(t, err)
	if at := newest[seeded.Owners[2]]; !at.Equal(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("the second tenant's newest is of %s", at)
	}
	if at := newest[seeded.Owners[3]]; time.Since(at) < 30*time.Minute { // the seed's, one hour old
		t.Errorf("the third tenant's newest is of %s, and has expired", at)
	}
	if at, found := newest[seeded.Owners[4]]; found {
		t.Errorf("the fourth tenant's newest is of %s, and was deleted", at)
	}
}

func TestServerIdentity(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{})
	first, err := db.ServerIdentity(t.Context(), pool)
	must(t, err)
	if first.Server == "" || time.Since(first.Started) > time.Hour || time.Until(first.Started) > time.Minute {
		t.Errorf("identity %+v", first)
	}
	again, err := db.ServerIdentity(t.Context(), pool)
	must(t, err)
	if !first.Same(again) {
		t.Errorf("%+v and %+v are not the same", first, again)
	}
	_, _, other := openPrivate(t, porta.Seed{})
	stranger, err := db.ServerIdentity(t.Context(), other)
	must(t, err)
	restarted := first
	restarted.Started = first.Started.Add(time.Minute)
	if first.Same(stranger) || first.Same(restarted) {
		t.Errorf("%+v is the same as %+v or %+v", first, stranger, restarted)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 3})
	of := func() db.Porta {
		t.Helper()
		got, err := db.WhichPorta(t.Context(), pool)
		must(t, err)
		if !db.IsFingerprint(got.Fingerprint) {
			t.Errorf("%q has not the form of a fingerprint", got.Fingerprint)
		}
		return got
	}
	for _, text := range []string{"", "x", "master/porta", "master/porta/0123456789abc", "master/porta/0123456789zz", "m\x1b/porta/0123456789ab"} {
		if db.IsFingerprint(text) {
			t.Errorf("%q has the form of a fingerprint", text)
		}
	}
	first := of()
	_, err := p.DB.Exec("UPDATE accounts SET updated_at = UTC_TIMESTAMP(), state = 'x', org_name = 'y'")
	must(t, err)
	if again := of(); again != first || again.RenamedFrom(first) {
		t.Errorf("%v became %v", first, again)
	}
	_, err = p.DB.Exec("UPDATE accounts SET self_domain = 'm\x1b[31m/x' WHERE id = 1")
	must(t, err)
	other := of()
	if other.Fingerprint[:8] != "m?[31m?x" || !other.RenamedFrom(first) {
		t.Errorf("%v is no renamed %v", other, first)
	}
	_, err = p.DB.Exec("UPDATE accounts SET created_at = created_at - INTERVAL 1 DAY WHERE id = 1")
	must(t, err)
	if of().RenamedFrom(other) || other.RenamedFrom(db.Porta{}) {
		t.Error("another master account is a renamed one")
	}
	_, err = p.DB.Exec("DELETE FROM accounts")
	must(t, err)
	_, err = db.WhichPorta(t.Context(), pool)
	mustBe(t, err, db.ErrNoMaster)
}
