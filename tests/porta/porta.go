// Package porta stands in for Porta: its tables in a real database, whether it would
// accept a token, and the one page that the canary reads.
package porta

import (
	"context"
	crand "crypto/rand"
	"crypto/sha512"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

//go:embed schema.sql
var schema string

// Password is the scheduler's password in MySQL. It has characters that a URL must
// encode.
const Password = "p@ss:w/rd%#?é&+ 1"

// Grants are all the rights that the scheduler needs, as in the README.
var Grants = []string{"SELECT ON %s.accounts", "SELECT ON %s.users", "SELECT, INSERT, UPDATE, DELETE ON %s.access_tokens"}

// Porta is a database with Porta's tables.
type Porta struct {
	DB   *sqlx.DB // as a user with all rights
	Name string   // of the database, and of the scheduler's user
	Addr string   // host:port of the server
}

// New creates a database for a test, and drops it afterwards.
func New(tb testing.TB) *Porta {
	tb.Helper()
	p, err := Create(context.Background(), servers.MySQL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = p.Drop() })
	return p
}

// Create creates a database with Porta's tables, and a user for the scheduler.
func Create(ctx context.Context, admin *mysql.Config) (*Porta, error) {
	p := &Porta{Name: fmt.Sprintf("porta_%08x", rand.Uint32()), Addr: admin.Addr}
	if err := p.create(ctx, *admin); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	cfg := *admin
	cfg.DBName = p.Name
	cfg.ParseTime = true
	cfg.InterpolateParams = true
	var err error
	if p.DB, err = sqlx.ConnectContext(ctx, "mysql", cfg.FormatDSN()); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	for statement := range strings.SplitSeq(schema, "\n\n") {
		if _, err := p.DB.ExecContext(ctx, statement); err != nil {
			return nil, fmt.Errorf("create tables: %w", err)
		}
	}
	return p, p.grant(ctx)
}

func (p *Porta) create(ctx context.Context, cfg mysql.Config) error {
	cfg.DBName = ""
	server, err := sqlx.ConnectContext(ctx, "mysql", cfg.FormatDSN())
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	_, err = server.ExecContext(ctx, "CREATE DATABASE "+p.Name+" CHARACTER SET utf8mb3 COLLATE utf8mb3_bin")
	return err
}

func (p *Porta) grant(ctx context.Context) error {
	if _, err := p.DB.ExecContext(ctx, fmt.Sprintf("CREATE USER %s@'%%' IDENTIFIED BY '%s'", p.Name, Password)); err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	for _, grant := range Grants {
		if _, err := p.DB.ExecContext(ctx, "GRANT "+fmt.Sprintf(grant, p.Name)+" TO "+p.Name+"@'%'"); err != nil {
			return fmt.Errorf("grant: %w", err)
		}
	}
	return nil
}

// URL is what DATABASE_URL would be, with parameters that only Rails uses.
func (p *Porta) URL() string { return p.URLAt(p.Addr) }

// URLAt is the URL with another address, for example that of a proxy.
func (p *Porta) URLAt(addr string) string {
	user := strings.ReplaceAll(url.QueryEscape(Password), "+", "%20")
	return "mysql2://" + p.Name + ":" + user + "@" + addr + "/" + p.Name + "?encoding=utf8&pool=5&reconnect=true"
}

// Drop deletes the database and the user.
func (p *Porta) Drop() error {
	_, err := p.DB.Exec("DROP DATABASE " + p.Name)
	if err == nil {
		_, err = p.DB.Exec("DROP USER " + p.Name + "@'%'")
	}
	_ = p.DB.Close()
	return err
}

// Digest returns what Porta stores for a token.
func Digest(plaintext string) string {
	sum := sha512.Sum384([]byte(plaintext))
	return "SHA384$" + hex.EncodeToString(sum[:])
}

// Accepts tells whether Porta would accept the token, and for which tenant.
func (p *Porta) Accepts(ctx context.Context, plaintext string) (tenant int64, ok bool, err error) {
	var tenants []int64
	err = p.DB.SelectContext(ctx, &tenants, `
SELECT u.account_id FROM access_tokens t JOIN users u ON u.id = t.owner_id
 WHERE t.value = ? AND (t.expires_at IS NULL OR t.expires_at >= UTC_TIMESTAMP())`, Digest(plaintext))
	if err != nil || len(tenants) == 0 {
		return 0, false, err
	}
	return tenants[0], true, nil
}

// ServeHTTP answers the request of the canary as Porta's admin API does: with the
// account if it accepts the token, with 403 if not.
func (p *Porta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, token, given := r.BasicAuth()
	if r.Method != http.MethodGet || r.URL.Path != "/admin/api/provider.json" {
		http.NotFound(w, r)
		return
	}
	tenant, ok, err := p.Accepts(r.Context(), token)
	var host string
	if ok && err == nil {
		err = p.DB.GetContext(r.Context(), &host, "SELECT self_domain FROM accounts WHERE id = ?", tenant)
	}
	switch {
	case err != nil:
		http.Error(w, "", http.StatusInternalServerError)
	case !given || !ok || r.Header.Get("X-Forwarded-Host") != host || r.Header.Get("X-Forwarded-Proto") != "https":
		http.Error(w, "", http.StatusForbidden)
	default:
		_, _ = fmt.Fprintf(w, `{"account":{"id":%d}}`, tenant)
	}
}

// Mint makes a sync token for each owner, by tenant, as Porta does when a tenant has an
// event. It returns the plaintexts by tenant.
func (p *Porta) Mint(ctx context.Context, owners map[int64]int64, life time.Duration) (map[int64]string, error) {
	rows := newInsert("access_tokens", "owner_id, scopes, value, name, permission, created_at, updated_at, expires_at")
	now := time.Now().UTC().Truncate(time.Second)
	plaintexts := make(map[int64]string, len(owners))
	for tenant, owner := range owners {
		plaintexts[tenant] = strings.ToLower(crand.Text() + crand.Text())
		rows.add(owner, "---\n- account_management\n", Digest(plaintexts[tenant]), "OIDC Synchronization Token", "ro",
			now, now, now.Add(life))
	}
	return plaintexts, rows.run(ctx, p)
}

// MintOnMiss does what Porta does when its cache misses. It locks an owner's sync
// tokens, so that concurrent misses make only one token, and inserts one.
func (p *Porta) MintOnMiss(owner int64, value string) error {
	tx, err := p.DB.Beginx()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var ids []int64
	if err := tx.Select(&ids, `SELECT id FROM access_tokens FORCE INDEX (idx_auth_tokens_of_user)
 WHERE owner_id = ? AND name = 'OIDC Synchronization Token' FOR UPDATE`, owner); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if _, err := tx.Exec(`INSERT INTO access_tokens (owner_id, value, name, permission, expires_at)
 VALUES (?, ?, 'OIDC Synchronization Token', 'ro', UTC_TIMESTAMP() + INTERVAL 1 DAY)`, owner, value); err != nil {
		return fmt.Errorf("insert: %w", err)
	}
	return tx.Commit()
}
