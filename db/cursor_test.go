package db_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// listed are the ids that a list meets, page by page. A list that does not end is
// an error.
func listed(t *testing.T, tenants *db.Tenants, limit int) (ids []int64) {
	t.Helper()
	var cursor db.Cursor
	for range 1000 {
		page, next, err := tenants.Page(t.Context(), cursor, limit)
		must(t, err)
		if len(page) == 0 {
			return ids
		}
		for _, tenant := range page {
			ids = append(ids, tenant.ID)
		}
		cursor = next
	}
	t.Fatal("the list does not end")
	return nil
}

// TestEveryDateIsListedOnce: dates with fractions of seconds, without a value, with
// none of a day or a month, and equal ones.
func TestEveryDateIsListedOnce(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"datetime", "datetime(3)", "datetime(6)", "timestamp(6) NULL"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			p, _, pool := open(t, porta.Seed{Tenants: 60, Buyers: 20})
			conn, err := p.DB.Connx(t.Context())
			must(t, err)
			defer func() { _ = conn.Close() }()
			for _, statement := range []string{
				"SET SESSION sql_mode = '', time_zone = '+00:00'",
				"ALTER TABLE accounts MODIFY created_at " + column + " DEFAULT NULL",
				"UPDATE accounts SET created_at = TIMESTAMPADD(MICROSECOND, id * 1000, created_at) WHERE id > 10 AND id % 3 = 0",
				"UPDATE accounts SET created_at = '0000-00-00 00:00:00' WHERE id IN (2, 30, 31, 32)",
				"UPDATE accounts SET created_at = NULL WHERE id IN (3, 40, 41)",
			} {
				_, err := conn.ExecContext(t.Context(), statement)
				must(t, err)
			}
			if column[0] == 'd' {
				_, err := conn.ExecContext(t.Context(), "UPDATE accounts SET created_at = '2020-00-00' WHERE id IN (20, 21)")
				must(t, err)
			}
			tenants := db.NewTenants(pool, "3scaleadmin")
			n, err := tenants.Count(t.Context())
			must(t, err)
			for _, limit := range []int{1, 3, 100} {
				ids := listed(t, tenants, limit)
				slices.Sort(ids)
				if len(ids) != 61 || n != 61 || len(slices.Compact(ids)) != 61 {
					t.Errorf("by %d: %d tenants were met, and %d counted, want 61: %v", limit, len(ids), n, ids)
				}
			}
			if odd, err := tenants.Undated(t.Context()); err != nil || odd < 7 {
				t.Errorf("%d tenants have no date, %v; want 7 or more", odd, err)
			}
		})
	}
}

func TestACursorThatDoesNotAdvance(t *testing.T) {
	t.Parallel()
	at := func(id int64, created string) db.Tenant {
		return db.Tenant{ID: id, Created: sql.NullString{String: created, Valid: true}}
	}
	for _, c := range []struct {
		name  string
		after db.Cursor
		page  []db.Tenant
		ok    bool
	}{
		{"in order", db.After(at(1, "2020-01-01")), []db.Tenant{at(2, "2020-01-01"), at(1, "2020-01-02")}, true},
		{"the place itself", db.After(at(1, "2020-01-01")), []db.Tenant{at(1, "2020-01-01")}, false},
		{"before the place", db.After(at(1, "2020-01-02")), []db.Tenant{at(2, "2020-01-01")}, false},
		{"out of order", db.Cursor{}, []db.Tenant{at(2, "2020-01-01"), at(1, "2020-01-01")}, false},
	} {
		_, err := c.after.Through(c.page)
		if (err == nil) != c.ok || (err != nil && !errors.Is(err, db.ErrNotAdvancing)) {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// TestStrays: provider accounts under another provider are named, and buyers are not.
func TestStrays(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 20, Buyers: 50})
	_, err := p.DB.Exec("UPDATE accounts SET provider_account_id = 5 WHERE id = 7")
	must(t, err)
	_, err = p.DB.Exec("UPDATE accounts SET provider_account_id = NULL WHERE id IN (9, 1)")
	must(t, err)
	tenants := db.NewTenants(pool, "3scaleadmin")
	ids, err := tenants.Strays(t.Context())
	must(t, err)
	if fmt.Sprint(ids) != "[7 9]" {
		t.Errorf("strays %v, want 7 and 9", ids)
	}
	n, err := tenants.Count(t.Context())
	must(t, err)
	if met := len(listed(t, tenants, 5)); n != 19 || met != 19 {
		t.Errorf("counted %d, met %d; want 19", n, met)
	}
}

// TestApproved: the state of a tenant comes with it, however it was found.
func TestApproved(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 20})
	var approved []int64
	must(t, p.DB.Select(&approved, "SELECT id FROM accounts WHERE state = 'approved' ORDER BY id"))
	tenants := db.NewTenants(pool, "3scaleadmin")
	page, _, err := tenants.Page(t.Context(), db.Cursor{}, 100)
	must(t, err)
	var ids []int64
	for _, tenant := range page {
		ids = append(ids, tenant.ID)
	}
	found, err := tenants.ByID(t.Context(), ids)
	must(t, err)
	for _, list := range [][]db.Tenant{page, found} {
		for _, tenant := range list {
			if tenant.Approved != slices.Contains(approved, tenant.ID) {
				t.Errorf("tenant %d: approved is %t", tenant.ID, tenant.Approved)
			}
		}
	}
}
