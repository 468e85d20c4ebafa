package db

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jmoiron/sqlx"
)

// Details are what an operator asks about a tenant.
type Details struct {
	ID    int64          `db:"id"`
	Host  sql.NullString `db:"self_domain"` // the admin host; it may be NULL
	State sql.NullString `db:"state"`
	// OwnerID and Owner are the user that a sync token belongs to; NULL if there is
	// none.
	OwnerID sql.NullInt64  `db:"owner_id"`
	Owner   sql.NullString `db:"owner"`
}

// Details returns those of ids that are tenants.
func (t *Tenants) Details(ctx context.Context, ids []int64) ([]Details, error) {
	found, err := t.ByID(ctx, ids)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	accounts := make([]Details, 0, len(found))
	known := make([]int64, len(found))
	users := []int64{0} // IN needs a list that is not empty
	for i, tenant := range found {
		known[i] = tenant.ID
		users = append(users, tenant.OwnerID.Int64)
	}
	query, args, err := sqlx.In(`
SELECT a.id, a.self_domain, a.state, o.id AS owner_id, o.username AS owner
FROM accounts a LEFT JOIN users o ON o.account_id = a.id AND o.id IN (?)
WHERE a.id IN (?) ORDER BY a.id`, users, known)
	if err != nil {
		return nil, fmt.Errorf("look up tenants: %w", err)
	}
	if err := t.pool.SelectContext(ctx, &accounts, query, args...); err != nil {
		return nil, fmt.Errorf("look up tenants: %w", scrub(err))
	}
	return accounts, nil
}
