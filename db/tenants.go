package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// ErrNoMaster says that accounts has no row with master = 1: this is no Porta
// database, or one that was never set up.
var ErrNoMaster = errors.New("no master account: accounts has no row with master = 1")

// Tenant is a provider account of Porta with the user that its sync token
// belongs to.
type Tenant struct {
	ID int64 `db:"id"`
	// Host is the admin host (accounts.self_domain), as found: it may be NULL.
	Host sql.NullString `db:"self_domain"`
	// OwnerID is the impersonation admin, else the first admin; NULL where the
	// tenant has neither, or where it was not looked up.
	OwnerID sql.NullInt64 `db:"owner_id"`
	// OwnerTenantID is the owner's users.tenant_id, and what the token's is to
	// be: NULL for the master account, as Porta's trigger has it.
	OwnerTenantID sql.NullInt64 `db:"owner_tenant_id"`

	CreatedAt sql.NullTime `db:"created_at"`
	Master    bool         `db:"is_master"`
}

// Cursor is a place in the list of tenants. The zero Cursor is its beginning.
type Cursor struct {
	started   bool // the master account, which comes first, is behind
	createdAt sql.NullTime
	id        int64
}

// After is the place behind a tenant.
func After(t Tenant) Cursor {
	if t.Master {
		return Cursor{started: true}
	}
	return Cursor{started: true, createdAt: t.CreatedAt, id: t.ID}
}

// Before tells whether the place lies before a tenant.
func (c Cursor) Before(t Tenant) bool {
	switch {
	case !c.started:
		return true
	case t.Master:
		return false
	case c.createdAt.Valid != t.CreatedAt.Valid:
		return t.CreatedAt.Valid // NULL sorts first
	case c.createdAt.Valid && !c.createdAt.Time.Equal(t.CreatedAt.Time):
		return c.createdAt.Time.Before(t.CreatedAt.Time)
	}
	return c.id < t.ID
}

// Tenants lists tenants and their owners.
type Tenants struct {
	pool          *sqlx.DB
	impersonation string
	masterID      int64
}

// NewTenants lists the tenants in pool; impersonation is the username of the
// impersonation admin.
func NewTenants(pool *sqlx.DB, impersonation string) *Tenants {
	return &Tenants{pool: pool, impersonation: impersonation}
}

// selectTenants finds each account's owner as Porta does: the impersonation
// admin, else the admin of another name with the lowest id.
const selectTenants = `
SELECT t.id, t.self_domain, t.created_at, COALESCE(t.master, 0) = 1 AS is_master, o.id AS owner_id,
       CASE WHEN t.master = 1 THEN NULL ELSE o.tenant_id END AS owner_tenant_id
  FROM (SELECT a.id, a.self_domain, a.created_at, a.master, COALESCE(
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin' AND u.username = ?),
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin')) AS owner_id
          FROM (%s) a) t
  LEFT JOIN users o ON o.id = t.owner_id
 ORDER BY t.created_at, t.id`

// The list runs over the key (provider_account_id, created_at) with the primary
// key behind it, from two sides of the cursor, so that no page scans what
// another has read and none touches a buyer's row. Neither column changes in an
// account's life: nobody is missed or met twice.
//
// The master's id is bounded from both sides and not equated: of an equality
// MariaDB makes a lookup by the id alone, and walks over all that lies before the
// cursor to come to it, so that a list would cost the square of its length.
const pageOfAccounts = `
SELECT p.id, p.self_domain, p.created_at, FALSE AS is_master FROM (
    (SELECT id, self_domain, created_at FROM accounts
      WHERE provider_account_id = ? AND created_at <=> ? AND id > ? AND provider = 1 AND id <> ?
      ORDER BY id LIMIT ?)
    UNION ALL
    (SELECT id, self_domain, created_at FROM accounts
      WHERE provider_account_id >= ? AND provider_account_id <= ? AND created_at > ? AND provider = 1 AND id <> ?
      ORDER BY provider_account_id, created_at, id LIMIT ?)
  ) p ORDER BY p.created_at, p.id LIMIT ?`

const accountsByID = `
  SELECT id, self_domain, created_at, master FROM accounts
   WHERE id IN (?) AND (provider = 1 OR master = 1)`

// Page returns up to limit tenants after the cursor, in every state, and the
// cursor behind them. An empty page is the end. Owners are not looked up: that is
// most of the work, and most tenants of a run that is taken up again need none.
func (t *Tenants) Page(ctx context.Context, after Cursor, limit int) ([]Tenant, Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !after.started {
		return t.first(ctx, limit)
	}
	if t.masterID == 0 { // a list that begins in the middle
		if err := t.findMaster(ctx); err != nil {
			return nil, after, err
		}
	}
	since := after.createdAt.Time.UTC().Format("2006-01-02 15:04:05")
	if !after.createdAt.Valid {
		since = "1000-01-01 00:00:00" // before every date: NULL sorts first
	}
	page := make([]Tenant, 0, limit)
	err := t.pool.SelectContext(ctx, &page, pageOfAccounts,
		t.masterID, after.createdAt, after.id, t.masterID, limit,
		t.masterID, t.masterID, since, t.masterID, limit, limit)
	if err != nil {
		return nil, after, fmt.Errorf("list tenants: %w", scrub(err))
	}
	if len(page) > 0 {
		after = After(page[len(page)-1])
	}
	return page, after, nil
}

// first returns the master account and what follows it.
func (t *Tenants) first(ctx context.Context, limit int) ([]Tenant, Cursor, error) {
	if err := t.findMaster(ctx); err != nil {
		return nil, Cursor{}, err
	}
	master, err := t.ByID(ctx, []int64{t.masterID})
	if err != nil {
		return nil, Cursor{}, err
	}
	next := Cursor{started: true}
	if limit <= len(master) {
		return master, next, nil
	}
	page, next, err := t.Page(ctx, next, limit-len(master))
	return append(master, page...), next, err
}

func (t *Tenants) findMaster(ctx context.Context) error {
	err := t.pool.GetContext(ctx, &t.masterID, `SELECT id FROM accounts WHERE master = 1 LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoMaster
	}
	if err != nil {
		return fmt.Errorf("find master account: %w", scrub(err))
	}
	return nil
}

// ByID returns those of ids that are tenants, with their owners; the others are
// left out.
func (t *Tenants) ByID(ctx context.Context, ids []int64) ([]Tenant, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query, args, err := sqlx.In(fmt.Sprintf(selectTenants, accountsByID), t.impersonation, ids)
	if err != nil {
		return nil, fmt.Errorf("list tenants by id: %w", err)
	}
	page := make([]Tenant, 0, len(ids))
	if err := t.pool.SelectContext(ctx, &page, query, args...); err != nil {
		return nil, fmt.Errorf("list tenants by id: %w", scrub(err))
	}
	return page, nil
}

// Count returns how many tenants there are, for a run's progress.
func (t *Tenants) Count(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var n int
	err := t.pool.GetContext(ctx, &n, `
SELECT COUNT(*) + (SELECT COUNT(*) FROM accounts WHERE master = 1)
  FROM accounts a JOIN accounts m ON a.provider_account_id = m.id
 WHERE m.master = 1 AND a.provider = 1 AND a.id <> m.id`)
	if err != nil {
		return 0, fmt.Errorf("count tenants: %w", scrub(err))
	}
	return n, nil
}
