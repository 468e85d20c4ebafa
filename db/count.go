package db

import (
	"context"
	"fmt"
)

// maxStrays limits how many accounts [Tenants.Strays] names.
const maxStrays = 1000

// Count returns how many tenants [Tenants.Page] lists. A run that met fewer has left
// somebody out, and a run that met more has met somebody twice.
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

// Strays returns the ids of provider accounts that [Tenants.Page] does not list, in
// order and at most a thousand. Their provider_account_id is not the master's. Porta
// itself makes no such account. [Tenants.ByID] finds them.
//
// A tenant has an admin host, and a buyer has none. So the search uses the key of
// self_domain and reads no buyer's row.
func (t *Tenants) Strays(ctx context.Context) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var ids []int64
	err := t.pool.SelectContext(ctx, &ids, `
SELECT a.id FROM accounts a
 WHERE a.self_domain > '' AND a.provider = 1 AND COALESCE(a.master, 0) <> 1
   AND NOT (a.provider_account_id <=> (SELECT m.id FROM accounts m WHERE m.master = 1))
 ORDER BY a.id LIMIT ?`, maxStrays)
	if err != nil {
		return nil, fmt.Errorf("look for provider accounts of another provider: %w", scrub(err))
	}
	return ids, nil
}

// Undated counts tenants whose created_at is 0000-00-00 or NULL. They are listed like
// all others. Porta writes no such date.
func (t *Tenants) Undated(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var n int
	err := t.pool.GetContext(ctx, &n, `
SELECT COUNT(*) FROM accounts a JOIN accounts m ON a.provider_account_id = m.id
 WHERE m.master = 1 AND a.provider = 1 AND (a.created_at IS NULL OR a.created_at < '1000-01-01 00:00:00')`)
	if err != nil {
		return 0, fmt.Errorf("count tenants without a date: %w", scrub(err))
	}
	return n, nil
}
