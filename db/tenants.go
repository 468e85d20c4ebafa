package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
)

// ErrNoMaster means that accounts has no row with master = 1. This is not Porta's
// database, or it was never set up.
var ErrNoMaster = errors.New("no master account: accounts has no row with master = 1")

// ErrNotAdvancing means that MySQL returned tenants that do not come after the given
// place. A list that continued from there might never end.
var ErrNotAdvancing = errors.New("the list of tenants does not advance")

// Tenant is a provider account of Porta with the user who owns its sync token.
type Tenant struct {
	ID int64 `db:"id"`
	// Host is the admin host (accounts.self_domain), as it is in the row. It may be
	// NULL.
	Host sql.NullString `db:"self_domain"`
	// OwnerID is the impersonation admin, or else the first admin. It is NULL if the
	// tenant has neither, or if it was not looked up.
	OwnerID sql.NullInt64 `db:"owner_id"`
	// OwnerTenantID is the owner's users.tenant_id, which becomes the token's. It is
	// NULL for the master account, as Porta's trigger does it.
	OwnerTenantID sql.NullInt64 `db:"owner_tenant_id"`

	// Created is accounts.created_at as MySQL writes it, with as many digits as the
	// column has. It may be NULL or 0000-00-00 00:00:00.
	Created sql.NullString `db:"created"`
	Master  bool           `db:"is_master"`
	// Approved tells whether Porta accepts the tenant's tokens now. In any other state
	// it refuses valid ones.
	Approved bool `db:"approved"`
}

// Tenants lists tenants and their owners.
type Tenants struct {
	pool          *sqlx.DB
	impersonation string
	masterID      atomic.Int64
}

// NewTenants lists the tenants in pool. impersonation is the username of the
// impersonation admin.
func NewTenants(pool *sqlx.DB, impersonation string) *Tenants {
	return &Tenants{pool: pool, impersonation: impersonation}
}

// selectTenants finds each account's owner as Porta does: the impersonation admin, or
// else the admin with another name and the lowest id. A NULL name is neither.
const selectTenants = `
SELECT t.id, t.self_domain, CAST(t.created_at AS CHAR) AS created, COALESCE(t.master, 0) = 1 AS is_master,
       COALESCE(t.state, '') = 'approved' AS approved, o.id AS owner_id,
       CASE WHEN t.master = 1 THEN NULL ELSE o.tenant_id END AS owner_tenant_id
  FROM (SELECT a.id, a.self_domain, a.created_at, a.master, a.state, COALESCE(
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin' AND u.username = ?),
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin' AND u.username <> ?)) AS owner_id
          FROM (%s) a) t
  LEFT JOIN users o ON o.id = t.owner_id
 ORDER BY t.created_at, t.id`

// The list uses the key (provider_account_id, created_at), followed by the primary key,
// and reads from the cursor on. So no page scans what another page has read, and none
// reads a buyer's row. Neither column changes while an account exists, so nobody is
// missed or met twice.
//
// The master's id has a lower and an upper bound in place of an equality. For an
// equality MariaDB looks up the id alone, and walks over all rows before the cursor.
// Then the cost of a list would grow with the square of its length.
const pageOfAccounts = `
SELECT p.id, p.self_domain, CAST(p.created_at AS CHAR) AS created, FALSE AS is_master,
       COALESCE(p.state, '') = 'approved' AS approved FROM (
    (SELECT id, self_domain, created_at, state FROM accounts
      WHERE provider_account_id = ? AND created_at <=> ? AND id > ? AND provider = 1 AND id <> ?
      ORDER BY id LIMIT ?)
    UNION ALL
    (SELECT id, self_domain, created_at, state FROM accounts
      WHERE provider_account_id >= ? AND provider_account_id <= ? AND created_at %s ? AND provider = 1 AND id <> ?
      ORDER BY provider_account_id, created_at, id LIMIT ?)
  ) p ORDER BY p.created_at, p.id LIMIT ?`

const accountsByID = `
  SELECT id, self_domain, created_at, master, state FROM accounts
   WHERE id IN (?) AND (provider = 1 OR master = 1)`

// Page returns up to limit tenants after the cursor, in every state, and the cursor
// after them. An empty page is the end. It does not look up owners: that is most of the
// work, and most tenants of a continued run need none.
func (t *Tenants) Page(ctx context.Context, after Cursor, limit int) ([]Tenant, Cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !after.started {
		return t.first(ctx, limit)
	}
	if t.masterID.Load() == 0 { // a list that begins in the middle
		if err := t.findMaster(ctx); err != nil {
			return nil, after, err
		}
	}
	later, since := ">", after.created.String
	if !after.created.Valid { // NULL sorts first, before every date and 0000-00-00
		later, since = ">=", "0000-00-00 00:00:00"
	}
	page := make([]Tenant, 0, limit)
	err := t.pool.SelectContext(ctx, &page, fmt.Sprintf(pageOfAccounts, later),
		t.masterID.Load(), after.created, after.id, t.masterID.Load(), limit,
		t.masterID.Load(), t.masterID.Load(), since, t.masterID.Load(), limit, limit)
	if err != nil {
		return nil, after, fmt.Errorf("list tenants: %w", scrub(err))
	}
	next, err := after.through(page)
	if err != nil {
		return nil, after, err
	}
	return page, next, nil
}

// first returns the master account and the tenants after it.
func (t *Tenants) first(ctx context.Context, limit int) ([]Tenant, Cursor, error) {
	if err := t.findMaster(ctx); err != nil {
		return nil, Cursor{}, err
	}
	master, err := t.ByID(ctx, []int64{t.masterID.Load()})
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
	var id int64
	err := t.pool.GetContext(ctx, &id, `SELECT id FROM accounts WHERE master = 1 LIMIT 1`)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoMaster
	}
	if err != nil {
		return fmt.Errorf("find master account: %w", scrub(err))
	}
	t.masterID.Store(id)
	return nil
}

// ByID returns the tenants among ids, with their owners. It leaves out ids that are not
// tenants.
func (t *Tenants) ByID(ctx context.Context, ids []int64) ([]Tenant, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query, args, err := sqlx.In(fmt.Sprintf(selectTenants, accountsByID), t.impersonation, t.impersonation, ids)
	if err != nil {
		return nil, fmt.Errorf("list tenants by id: %w", err)
	}
	page := make([]Tenant, 0, len(ids))
	if err := t.pool.SelectContext(ctx, &page, query, args...); err != nil {
		return nil, fmt.Errorf("list tenants by id: %w", scrub(err))
	}
	return page, nil
}
