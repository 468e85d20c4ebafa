package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

// ErrNoTenant says that no tenant has the host that was asked for.
var ErrNoTenant = errors.New("no tenant has this host")

// Account is a tenant with its owner and its state.
type Account struct {
	Tenant

	// State is the account's state, such as approved or suspended. It may be NULL.
	State sql.NullString `db:"state"`
}

// Hosts finds tenants by their hosts and mints one token at a time. It is for callers
// that serve requests and hold no [Writer].
type Hosts struct{ tenants *Tenants }

// NewHosts finds the tenants in pool. impersonation is the username of the
// impersonation admin.
func NewHosts(pool *sqlx.DB, impersonation string) *Hosts {
	return &Hosts{tenants: NewTenants(pool, impersonation)}
}

// accountByHost reads only the index on self_domain. It looks for the host as it came,
// the host in lower case, and both with a port. The column compares case, and older
// rows have capitals, so both spellings are needed. The exact one wins.
//
// The owner is the one that Porta would choose. "username <> ?" leaves out the admins
// whose username is NULL, as Porta's own query does.
const accountByHost = `
SELECT t.id, t.self_domain, t.state, t.is_master, o.id AS owner_id,
       CASE WHEN t.is_master THEN NULL ELSE o.tenant_id END AS owner_tenant_id
  FROM (SELECT a.id, a.self_domain, a.state, COALESCE(a.master, 0) = 1 AS is_master, COALESCE(
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin' AND u.username = ?),
          (SELECT MIN(u.id) FROM users u WHERE u.account_id = a.id AND u.role = 'admin' AND u.username <> ?)) AS owner_id
          FROM accounts a
         WHERE (a.self_domain IN (?, ?)
                OR (a.self_domain >= ? AND a.self_domain < ?)
                OR (a.self_domain >= ? AND a.self_domain < ?))
           AND (a.provider = 1 OR a.master = 1)
         ORDER BY a.self_domain = ? DESC, a.self_domain = ? DESC, a.id LIMIT 1) t
  LEFT JOIN users o ON o.id = t.owner_id`

// ByHost returns the tenant whose self_domain is host, in every state, in one
// statement. It prefers the host as it came to the host in lower case, and both to a
// self_domain with a port. The error is [ErrNoTenant] if no tenant has the host.
func (h *Hosts) ByHost(ctx context.Context, host string) (Account, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	lower, name := strings.ToLower(host), h.tenants.impersonation
	const port, behindPort = ":", ";" // the next character in the collation
	var account Account
	err := h.tenants.pool.GetContext(ctx, &account, accountByHost, name, name, host, lower,
		host+port, host+behindPort, lower+port, lower+behindPort, host, lower)
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNoTenant
	}
	if err != nil {
		return Account{}, fmt.Errorf("find tenant by host: %w", scrub(err))
	}
	return account, nil
}

// Accepts tells whether Porta would accept the token with a digest.
func (h *Hosts) Accepts(ctx context.Context, digest secret.Text) (bool, error) {
	return h.tenants.Accepts(ctx, digest)
}

const insertOne = `INSERT INTO access_tokens
  (owner_id, scopes, value, name, permission, tenant_id, created_at, updated_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP() + INTERVAL ? SECOND)`

// Mint writes one sync token, which lives for ttl from the server's current second. The
// statement commits by itself and takes no task's lock. It changes no existing row, so
// it needs no fence. After an error the row may exist or not.
func (h *Hosts) Mint(ctx context.Context, token NewToken, ttl time.Duration) error {
	err := retryConflicts(ctx, func() error {
		_, err := h.tenants.pool.ExecContext(ctx, insertOne, token.OwnerID, syncTokenScopes, token.Digest.Reveal(),
			SyncTokenName, syncTokenAccess, token.TenantID, int64(ttl/time.Second))
		return err
	})
	if err != nil {
		return fmt.Errorf("insert a sync token: %w", scrub(err))
	}
	return nil
}
