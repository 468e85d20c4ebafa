package db_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestLockHolder(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{Tenants: 3})
	inspector := db.NewInspector(pool)
	if who, _, err := inspector.LockHolder(t.Context(), "rotate"); who != "" || err != nil {
		t.Errorf("a free lock is held by %q, %v", who, err)
	}
	o := options()
	o.Task = "rotate"
	openFrom(t, db.NewWriters(pool, o))
	who, silent, err := inspector.LockHolder(t.Context(), "rotate")
	if err != nil || !strings.Contains(who, "connection ") || silent > o.LeaseLife {
		t.Errorf("the lock is held by %q, silent for %s, %v", who, silent, err)
	}
}

func TestHostsWithPort(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 12, Buyers: 5})
	tenants := db.NewTenants(pool, "3scaleadmin")
	for i, id := range []int{4, 7} {
		_, err := p.DB.Exec("UPDATE accounts SET self_domain = CONCAT(self_domain, ':3000') WHERE id = ?", id)
		must(t, err)
		ids, err := tenants.HostsWithPort(t.Context())
		if err != nil || fmt.Sprint(ids) != []string{"[4]", "[4 7]"}[i] {
			t.Errorf("with a port are %v, %v", ids, err)
		}
	}
}

// TestWhoPortaIsAskedAbout: the master is asked about only where no other tenant is approved.
func TestWhoPortaIsAskedAbout(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 20, Buyers: 5})
	tenants := db.NewTenants(pool, "3scaleadmin")
	tenant, err := tenants.Approved(t.Context())
	if err != nil || tenant.Master || !tenant.Approved || !tenant.Host.Valid {
		t.Errorf("%+v, %v", tenant, err)
	}
	_, err = p.DB.Exec("UPDATE accounts SET state = 'suspended' WHERE COALESCE(master, 0) <> 1")
	must(t, err)
	if tenant, err = tenants.Approved(t.Context()); err != nil || !tenant.Master {
		t.Errorf("%+v, %v", tenant, err)
	}
	_, err = p.DB.Exec("UPDATE accounts SET state = NULL")
	must(t, err)
	if _, err = tenants.Approved(t.Context()); !errors.Is(err, db.ErrNoneApproved) {
		t.Error(err)
	}
}
