package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxPorted bounds how many tenants [Tenants.HostsWithPort] names.
const maxPorted = 1000

// LockHolder says who holds the lock of a task's writer, and for how long that
// connection has been silent. It returns "" if the lock is free. A writer at work is
// never silent for longer than a third of its lease's life.
func (i *Inspector) LockHolder(ctx context.Context, task string) (who string, silent time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var database string
	if err := i.pool.GetContext(ctx, &database, `SELECT IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE()))`); err != nil {
		return "", 0, fmt.Errorf("ask who holds the writer's lock: %w", scrub(err))
	}
	has, err := holderOf(ctx, i.pool, LockName(database, task))
	if err != nil || has.ID == 0 {
		return "", 0, err
	}
	return has.String(), time.Duration(has.Seconds) * time.Second, nil
}

// HostsWithPort returns the ids, in order and at most a thousand, of tenants whose
// admin host has a port. Porta finds no tenant by such a host.
func (t *Tenants) HostsWithPort(ctx context.Context) ([]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var ids []int64
	err := t.pool.SelectContext(ctx, &ids, `
SELECT id FROM accounts WHERE self_domain > '' AND self_domain LIKE '%:%' AND (provider = 1 OR master = 1)
 ORDER BY id LIMIT ?`, maxPorted)
	if err != nil {
		return nil, fmt.Errorf("look for hosts with a port: %w", scrub(err))
	}
	return ids, nil
}

// ErrNoneApproved means that no tenant is approved, so Porta accepts no token.
var ErrNoneApproved = errors.New("no tenant is approved")

// Approved returns an approved tenant that Porta can be asked about, the master last.
func (t *Tenants) Approved(ctx context.Context) (Tenant, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var found []Tenant
	err := t.pool.SelectContext(ctx, &found, `
SELECT a.id, a.self_domain, COALESCE(a.master, 0) = 1 AS is_master, TRUE AS approved
  FROM accounts a JOIN accounts m ON a.provider_account_id = m.id
 WHERE m.master = 1 AND (a.provider = 1 OR a.master = 1) AND a.state = 'approved' AND a.self_domain > ''
 ORDER BY is_master, a.id LIMIT 1`)
	switch {
	case err != nil:
		return Tenant{}, fmt.Errorf("look for an approved tenant: %w", scrub(err))
	case len(found) == 0:
		return Tenant{}, ErrNoneApproved
	}
	return found[0], nil
}
