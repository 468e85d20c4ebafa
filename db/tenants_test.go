package db_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestTenantsPageByPage(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 150, Buyers: 500})
	for _, limit := range []int{1, 7, 50, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			tenants := db.NewTenants(pool, "3scaleadmin")
			met := map[int64]bool{}
			var cursor db.Cursor
			for {
				page, next, err := tenants.Page(t.Context(), cursor, limit)
				must(t, err)
				if len(page) == 0 {
					break
				}
				if len(page) > limit {
					t.Fatalf("a page of %d, want at most %d", len(page), limit)
				}
				for _, tenant := range page {
					if met[tenant.ID] {
						t.Fatalf("tenant %d was met twice", tenant.ID)
					}
					if !cursor.Before(tenant) || db.After(tenant).Before(tenant) {
						t.Errorf("tenant %d lies wrongly to its cursors", tenant.ID)
					}
					met[tenant.ID] = true
					if tenant.Master != (tenant.ID == porta.MasterID) {
						t.Errorf("tenant %d: master is %t", tenant.ID, tenant.Master)
					}
				}
				cursor = next
			}
			if want := len(seeded.Owners) + len(seeded.NoOwner); len(met) != want {
				t.Errorf("%d tenants were met, want %d", len(met), want)
			}
			n, err := tenants.Count(t.Context())
			must(t, err)
			if n != len(met) {
				t.Errorf("counted %d, want %d", n, len(met))
			}
		})
	}
	_ = p
}

// A run that is taken up again begins in the middle, in a process that has not
// read the beginning.
func TestTenantsFromTheMiddle(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{Tenants: 20, Buyers: 50})
	first, cursor, err := db.NewTenants(pool, "3scaleadmin").Page(t.Context(), db.Cursor{}, 8)
	must(t, err)
	rest, _, err := db.NewTenants(pool, "3scaleadmin").Page(t.Context(), cursor, 100)
	must(t, err)
	if len(first) != 8 || len(first)+len(rest) != 21 {
		t.Errorf("%d and %d tenants, want 8 and 13", len(first), len(rest))
	}
}

// TestPagesCostTheSame: no page, however far down the list, reads more of the index
// than itself.
func TestPagesCostTheSame(t *testing.T) {
	t.Parallel()
	p, err := porta.Create(t.Context(), servers.PrivateMariaDB(t).Config())
	must(t, err)
	t.Cleanup(func() { _ = p.DB.Close() })
	_, err = p.Fill(t.Context(), porta.Seed{Tenants: 20_000, Buyers: 1000})
	must(t, err)
	_, err = p.DB.Exec("ANALYZE TABLE accounts")
	must(t, err)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	// What the server has read of indexes, for everybody; there is nobody else.
	read := func() (sum int) {
		must(t, p.DB.Get(&sum, `SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.global_status
 WHERE variable_name IN ('Handler_read_next', 'Handler_icp_attempts', 'Handler_read_rnd_next')`))
		return sum
	}
	const limit = 100
	tenants, cursor := db.NewTenants(pool, "3scaleadmin"), db.Cursor{}
	for i := range 190 {
		before := read()
		if _, cursor, err = tenants.Page(t.Context(), cursor, limit); err != nil {
			t.Fatal(err)
		}
		// Each row is counted by each of the three; and the question itself reads some.
		if cost := read() - before; cost > 15*limit {
			t.Fatalf("page %d of %d tenants read %d entries", i, limit, cost)
		}
	}
}

func TestOwnersAreThosePortaWouldChoose(t *testing.T) {
	t.Parallel()
	_, seeded, pool := open(t, porta.Seed{Tenants: 150, Buyers: 500})
	ids := slices.Concat(slices.Collect(maps.Keys(seeded.Owners)), seeded.NoOwner)
	got, err := db.NewTenants(pool, "3scaleadmin").ByID(t.Context(), ids)
	must(t, err)
	if len(got) != len(ids) {
		t.Errorf("%d of %d tenants were found", len(got), len(ids))
	}
	for _, tenant := range got {
		if want := seeded.Owners[tenant.ID]; tenant.OwnerID.Int64 != want || tenant.OwnerID.Valid != (want != 0) {
			t.Errorf("tenant %d: owner %v, want %d", tenant.ID, tenant.OwnerID, want)
		}
		if want := tenant.ID != porta.MasterID && tenant.OwnerID.Valid; tenant.OwnerTenantID.Valid != want {
			t.Errorf("tenant %d: the token's tenant_id is %v", tenant.ID, tenant.OwnerTenantID)
		}
	}
}

func TestTenantsByID(t *testing.T) {
	t.Parallel()
	_, _, pool := open(t, porta.Seed{Tenants: 20, Buyers: 50})
	got, err := db.NewTenants(pool, "3scaleadmin").ByID(t.Context(), []int64{3, 1, 21, 22, 30, 9999}) // 22 and on are buyers
	must(t, err)
	if len(got) != 3 {
		t.Errorf("got %v, want tenants 1, 3 and 21", got)
	}
}

func TestOwnersOfAnotherImpersonationAdmin(t *testing.T) {
	t.Parallel()
	_, seeded, pool := open(t, porta.Seed{Tenants: 8})
	got, err := db.NewTenants(pool, "nobody").ByID(t.Context(), []int64{2})
	must(t, err)
	if want := seeded.Owners[2] - 1; got[0].OwnerID.Int64 != want { // the admin before 3scaleadmin
		t.Errorf("owner %d, want the first admin, %d", got[0].OwnerID.Int64, want)
	}
}

func TestNoMasterIsAnError(t *testing.T) {
	t.Parallel()
	p := porta.New(t)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL())})
	must(t, err)
	defer func() { _ = pool.Close() }()
	_, _, err = db.NewTenants(pool, "x").Page(t.Context(), db.Cursor{}, 10)
	mustBe(t, err, db.ErrNoMaster)
}

// TestPagesTouchNoBuyer counts what the server reads for a page: rows in
// proportion to the page, however many buyers there are.
func TestPagesTouchNoBuyer(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 300, Buyers: 20_000})
	_, err := p.DB.ExecContext(t.Context(), "ANALYZE TABLE accounts, users")
	must(t, err)
	pool.SetMaxOpenConns(1) // the counters are the connection's
	tenants := db.NewTenants(pool, "3scaleadmin")
	_, cursor, err := tenants.Page(t.Context(), db.Cursor{}, 100)
	must(t, err)
	read := func() (total int) {
		var counters []struct {
			Name  string `db:"Variable_name"`
			Value int    `db:"Value"`
		}
		must(t, pool.SelectContext(t.Context(), &counters, "SHOW SESSION STATUS LIKE 'Handler_read%'"))
		for _, c := range counters {
			if !strings.HasPrefix(c.Name, "Handler_read_rnd") { // those are of temporary tables
				total += c.Value
			}
		}
		return total
	}
	before := read()
	page, _, err := tenants.Page(t.Context(), cursor, 100)
	must(t, err)
	if rows := read() - before; len(page) != 100 || rows > 1500 {
		t.Errorf("a page of %d took %d row reads", len(page), rows)
	}
}
