package db_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestInspectServer(t *testing.T) {
	t.Parallel()
	p, _, pool := openPrivate(t, porta.Seed{Tenants: 3})
	inspector := db.NewInspector(pool)
	s, err := inspector.Server(t.Context())
	must(t, err)
	if s.Version == "" || s.ReadOnly || s.Cluster != "" || s.Connections != 0 || len(s.Odd) != 0 {
		t.Errorf("a plain server is %+v", s)
	}
	for _, statement := range []string{
		"SET GLOBAL sql_select_limit = 20", "SET GLOBAL init_connect = 'SET sql_safe_updates = 1'", "SET GLOBAL max_statement_time = 5",
		"SET GLOBAL read_only = 1", fmt.Sprintf("ALTER USER %s@'%%' WITH MAX_USER_CONNECTIONS 1", p.Name),
	} {
		_, err := p.DB.Exec(statement)
		must(t, err)
	}
	must(t, pool.Close())
	again, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	defer func() { _ = again.Close() }()
	for range 100 { // until the server has noticed that the first is gone
		if s, err = db.NewInspector(again).Server(t.Context()); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	must(t, err)
	if !s.ReadOnly || fmt.Sprint(s.ReadOnlyBy) != "[read_only]" || s.Connections != 1 ||
		fmt.Sprint(s.Odd) != "[init_connect max_statement_time sql_select_limit]" {
		t.Errorf("an odd server is %+v", s)
	}
}

// TestRehearse: each statement works, and none changes a row.
func TestRehearse(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 12, Tokens: true})
	sum := func() (n int64) {
		var row struct {
			Table    string `db:"Table"`
			Checksum int64  `db:"Checksum"`
		}
		must(t, p.DB.Get(&row, "CHECKSUM TABLE access_tokens"))
		return row.Checksum
	}
	before := sum()
	o := options()
	o.Task = "check"
	w := openFrom(t, db.NewWriters(pool, o))
	inspector := db.NewInspector(pool)
	for _, tried := range inspector.Rehearse(t.Context(), w) {
		if tried.Err != nil {
			t.Errorf("%s: %v", tried.Name, tried.Err)
		}
	}
	if sum() != before {
		t.Error("the rehearsal changed rows")
	}
	_, err := p.DB.Exec("REVOKE DELETE ON " + p.Name + ".access_tokens FROM " + p.Name + "@'%'")
	must(t, err)
	failed := map[string]bool{}
	for _, tried := range inspector.Rehearse(t.Context(), w) {
		if tried.Err != nil {
			failed[tried.Name] = db.Definite(tried.Err)
		}
	}
	if fmt.Sprint(failed) != "map[delete tokens:true purge expired tokens:true purge legacy tokens:true]" {
		t.Errorf("without the right to delete, these fail: %v", failed)
	}
}
