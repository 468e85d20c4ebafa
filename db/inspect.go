package db

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// inspectTimeout limits one question. Counting tokens reads the whole table.
const inspectTimeout = 30 * time.Second

// Inspector finds out whether a database can be used. It changes nothing.
type Inspector struct{ pool *sqlx.DB }

// NewInspector inspects the database of pool.
func NewInspector(pool *sqlx.DB) *Inspector { return &Inspector{pool: pool} }

// Tables are the tables that the program uses, in the order of use.
func Tables() []string { return []string{"accounts", "users", "access_tokens"} }

// columnsOf returns the columns of a table that the program uses.
func columnsOf(table string) []string {
	switch table {
	case "accounts":
		return []string{"id", "self_domain", "provider", "master", "provider_account_id", "created_at", "state"}
	case "users":
		return []string{"id", "account_id", "username", "role", "tenant_id"}
	}
	return []string{
		"id", "owner_id", "scopes", "value", "name", "permission", "tenant_id", "created_at", "updated_at", "expires_at",
	}
}

// MissingColumns returns the columns that the program uses and that the table does not
// have, or that this user may not see. If there is no such table, these are all of
// them.
func (i *Inspector) MissingColumns(ctx context.Context, table string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var found []string
	if err := i.pool.SelectContext(ctx, &found, `
SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?`, table); err != nil {
		return nil, fmt.Errorf("list columns: %w", scrub(err))
	}
	return slices.DeleteFunc(columnsOf(table), func(column string) bool { return slices.Contains(found, column) }), nil
}

// HasTrigger tells whether access_tokens has Porta's trigger. A user without the right
// TRIGGER can't see it.
func (i *Inspector) HasTrigger(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var n int
	err := i.pool.GetContext(ctx, &n, `
SELECT COUNT(*) FROM information_schema.triggers
 WHERE trigger_schema = DATABASE() AND event_object_table = 'access_tokens' AND trigger_name = 'access_tokens_tenant_id'`)
	if err != nil {
		return false, fmt.Errorf("look for the trigger: %w", scrub(err))
	}
	return n > 0, nil
}

// Grant is a right that the program needs.
type Grant struct{ Right, Table string }

// String is the grant as the statement GRANT has it.
func (g Grant) String() string { return g.Right + " on " + g.Table }

// Grants are the rights that the program needs.
func Grants() []Grant {
	return []Grant{
		{"SELECT", "accounts"}, {"SELECT", "users"}, {"SELECT", "access_tokens"},
		{"INSERT", "access_tokens"}, {"UPDATE", "access_tokens"}, {"DELETE", "access_tokens"},
	}
}

// TryGrant uses a right on no row, in a transaction that is rolled back, and returns
// the server's answer.
func (i *Inspector) TryGrant(ctx context.Context, g Grant) error {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	columns := strings.Join(columnsOf(g.Table), ", ")
	query := map[string]string{
		"SELECT": "SELECT " + columns + " FROM " + g.Table + " WHERE 1 = 0",
		"INSERT": "INSERT INTO access_tokens (" + columns + `)
 SELECT NULL, 0, '', '', '', '', NULL, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM DUAL WHERE 1 = 0`,
		"UPDATE": "UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() WHERE 1 = 0",
		"DELETE": "DELETE FROM access_tokens WHERE 1 = 0",
	}[g.Right]
	tx, err := i.pool.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", scrub(err))
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, query); err != nil {
		return scrub(err)
	}
	return nil
}

// Owned returns how many tenants have an admin to own a token.
func (i *Inspector) Owned(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var n int
	err := i.pool.GetContext(ctx, &n, `
SELECT COUNT(*) FROM (
    SELECT id FROM accounts WHERE master = 1
    UNION
    SELECT a.id FROM accounts a JOIN accounts m ON a.provider_account_id = m.id WHERE m.master = 1 AND a.provider = 1
  ) t
 WHERE EXISTS (SELECT 1 FROM users u WHERE u.account_id = t.id AND u.role = 'admin' AND u.username IS NOT NULL)`)
	if err != nil {
		return 0, fmt.Errorf("count owners: %w", scrub(err))
	}
	return n, nil
}

// TokenCounts are numbers of sync tokens: all, those that have expired, and those that
// never expire.
type TokenCounts struct {
	All     int `db:"n"`
	Expired int `db:"expired"`
	Legacy  int `db:"legacy"`
}

// Tokens counts the sync tokens.
func (i *Inspector) Tokens(ctx context.Context) (TokenCounts, error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	defer cancel()
	var c TokenCounts
	err := i.pool.GetContext(ctx, &c, `
SELECT COUNT(*) AS n, COALESCE(SUM(expires_at < UTC_TIMESTAMP()), 0) AS expired, COALESCE(SUM(expires_at IS NULL), 0) AS legacy
  FROM access_tokens WHERE `+isSyncToken)
	if err != nil {
		return c, fmt.Errorf("count sync tokens: %w", scrub(err))
	}
	return c, nil
}
