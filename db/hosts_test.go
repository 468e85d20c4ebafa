package db_test

import (
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

func TestTenantByHost(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 50, Buyers: 100})
	p.DB.MustExec(`UPDATE accounts SET self_domain = 'Old-Admin.Example.com' WHERE id = 10`)
	p.DB.MustExec(`UPDATE accounts SET self_domain = 'TWICE.example.com' WHERE id = 11`)
	p.DB.MustExec(`UPDATE accounts SET self_domain = 'twice.example.com' WHERE id = 12`)
	p.DB.MustExec(`UPDATE accounts SET self_domain = 'port.example.com:3000' WHERE id = 13`)
	p.DB.MustExec(`UPDATE accounts SET self_domain = 'buyer.example.com' WHERE id = 60`)
	hosts := db.NewHosts(pool, "3scaleadmin")
	for _, c := range []struct {
		host string
		id   int64 // zero: no tenant
	}{
		{"t3-admin.example.com", 3},
		{"T3-Admin.example.COM", 3},
		{"Old-Admin.Example.com", 10},
		{"old-admin.example.com", 0},
		{"TWICE.example.com", 11},
		{"twice.example.com", 12},
		{"Twice.example.com", 12},
		{"port.example.com", 13},
		{"PORT.example.com", 13},
		{"port.example.co", 0},
		{"master-admin.example.com", porta.MasterID},
		{"buyer.example.com", 0},
		{"t_-admin.example.com", 0},
		{"t3.example.com", 0}, // the developer portal's
	} {
		t.Run(c.host, func(t *testing.T) {
			got, err := hosts.ByHost(t.Context(), c.host)
			if c.id == 0 {
				mustBe(t, err, db.ErrNoTenant)
				return
			}
			must(t, err)
			if got.ID != c.id || got.OwnerID.Int64 != seeded.Owners[c.id] || got.Master != (c.id == porta.MasterID) {
				t.Errorf("got tenant %d, owner %d, master %t; want %d, %d", got.ID, got.OwnerID.Int64, got.Master, c.id, seeded.Owners[c.id])
			}
			if got.OwnerTenantID.Valid == got.Master {
				t.Errorf("the token's tenant_id is %v", got.OwnerTenantID)
			}
		})
	}
}

func TestHostsInEveryStateAndWithoutOwner(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 40})
	hosts := db.NewHosts(pool, "3scaleadmin")
	for id := int64(2); id < 42; id++ {
		var want string
		must(t, p.DB.Get(&want, `SELECT COALESCE(state, '') FROM accounts WHERE id = ?`, id))
		got, err := hosts.ByHost(t.Context(), strings.Trim(strings.TrimPrefix(porta.Endpoint(id), "https://"), "/"))
		must(t, err)
		if got.ID != id || got.State.String != want || got.OwnerID.Valid != (seeded.Owners[id] != 0) {
			t.Errorf("tenant %d: got %d, state %q, owner %v; want state %q, owner %d",
				id, got.ID, got.State.String, got.OwnerID, want, seeded.Owners[id])
		}
	}
}

func TestAnAdminWithoutUsernameOwnsNothing(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 4})
	p.DB.MustExec(`UPDATE users SET username = NULL WHERE account_id = 3`)
	got, err := db.NewHosts(pool, "3scaleadmin").ByHost(t.Context(), "t3-admin.example.com")
	must(t, err)
	if got.OwnerID.Valid {
		t.Errorf("owner %d, want none", got.OwnerID.Int64)
	}
	rows, err := db.NewTenants(pool, "3scaleadmin").ByID(t.Context(), []int64{3})
	must(t, err)
	owned, err := db.NewInspector(pool).Owned(t.Context())
	must(t, err)
	if rows[0].OwnerID.Valid || owned != 4 {
		t.Errorf("a rotation finds owner %d, and %d tenants with one, want none and 4", rows[0].OwnerID.Int64, owned)
	}
}

// A lookup by host runs over the index, however many accounts there are.
func TestAHostCostsNoScan(t *testing.T) {
	t.Parallel()
	p, _, pool := open(t, porta.Seed{Tenants: 300, Buyers: 20_000})
	_, err := p.DB.ExecContext(t.Context(), "ANALYZE TABLE accounts, users")
	must(t, err)
	pool.SetMaxOpenConns(1) // the counters are the connection's
	read := func() (sum int) {
		must(t, pool.Get(&sum, `SELECT CAST(SUM(variable_value) AS UNSIGNED) FROM information_schema.session_status
 WHERE variable_name IN ('Handler_read_next', 'Handler_read_key', 'Handler_read_first')`))
		return sum
	}
	before := read()
	_, err = db.NewHosts(pool, "3scaleadmin").ByHost(t.Context(), "T200-admin.example.com")
	must(t, err)
	if rows := read() - before; rows > 30 {
		t.Errorf("one host took %d row reads", rows)
	}
}

func TestMintOneToken(t *testing.T) {
	t.Parallel()
	p, seeded, pool := open(t, porta.Seed{Tenants: 4})
	hosts := db.NewHosts(pool, "3scaleadmin")
	account, err := hosts.ByHost(t.Context(), "t3-admin.example.com")
	must(t, err)
	plaintext := db.DrawToken()
	token := db.NewToken{OwnerID: account.OwnerID.Int64, TenantID: account.OwnerTenantID, Digest: db.Digest(plaintext)}
	must(t, hosts.Mint(t.Context(), token, 24*time.Hour))
	tenant, ok, err := p.Accepts(t.Context(), plaintext.Reveal())
	must(t, err)
	if !ok || tenant != 3 || account.OwnerID.Int64 != seeded.Owners[3] {
		t.Errorf("Porta accepts it: %t, for tenant %d", ok, tenant)
	}
	var row struct {
		Name       string `db:"name"`
		Scopes     string `db:"scopes"`
		Permission string `db:"permission"`
		TenantID   int64  `db:"tenant_id"`
		Life       int    `db:"life"`
	}
	must(t, p.DB.Get(&row, `SELECT name, scopes, permission, tenant_id, TIMESTAMPDIFF(SECOND, created_at, expires_at) AS life FROM access_tokens`))
	if row.Name != db.SyncTokenName || row.Scopes != "---\n- account_management\n" || row.Permission != "ro" || row.TenantID != 3 || row.Life != 86400 {
		t.Errorf("the row is %+v", row)
	}
	alive, err := hosts.Accepts(t.Context(), db.Digest(plaintext))
	must(t, err)
	other, err := hosts.Accepts(t.Context(), db.Digest(secret.New("another")))
	must(t, err)
	if !alive || other {
		t.Errorf("its own digest is accepted: %t; another: %t", alive, other)
	}
}

func TestAMintErrorQuotesNoDigest(t *testing.T) {
	t.Parallel()
	_, seeded, pool := open(t, porta.Seed{Tenants: 4})
	token := db.NewToken{OwnerID: seeded.Owners[3], Digest: db.Digest(db.DrawToken())}
	hosts := db.NewHosts(pool, "3scaleadmin")
	must(t, hosts.Mint(t.Context(), token, time.Hour))
	err := hosts.Mint(t.Context(), token, time.Hour) // a duplicate key
	if err == nil || strings.Contains(err.Error(), token.Digest.Reveal()) {
		t.Errorf("error %v", err)
	}
}
