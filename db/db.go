package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// readTimeout bounds one read, a page of tenants or of stale tokens.
	readTimeout = 30 * time.Second
	// connLife is below any sane wait_timeout of a server or of a proxy before
	// it, so that the pool does not hand out a connection that was cut.
	connLife = time.Minute
	// poolSize covers the readers of a rotation and a purge, their two writers
	// and the readiness probe.
	poolSize = 8
)

// Options describe Porta's database.
type Options struct {
	URL secret.Text
	SSL SSL
	// Current is the URL as it is now, where that may change: it is asked for each
	// new connection, and its user and password are used. Nil where URL is all.
	Current func() secret.Text
}

// Open prepares a pool for Porta's database. It connects to nothing yet: the
// error is about the options alone.
func Open(o Options) (*sqlx.DB, error) {
	cfg, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil { // a Unix socket
		host = "localhost"
	}
	if cfg.TLS, err = o.SSL.Config(host); err != nil {
		return nil, fmt.Errorf("database ssl: %w", err)
	}
	if o.Current != nil {
		if err := cfg.Apply(mysql.BeforeConnect(func(_ context.Context, cfg *mysql.Config) error {
			current, err := ParseURL(o.Current())
			if err == nil {
				cfg.User, cfg.Passwd = current.User, current.Passwd
			}
			return err
		})); err != nil {
			return nil, fmt.Errorf("database configuration: %w", err)
		}
	}
	connector, err := newConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("database configuration: %w", err)
	}
	pool := sqlx.NewDb(sql.OpenDB(connector), "mysql")
	pool.SetMaxOpenConns(poolSize)
	pool.SetMaxIdleConns(1)
	pool.SetConnMaxLifetime(connLife)
	return pool, nil
}

// Ping tells whether the server answers.
func Ping(ctx context.Context, pool *sqlx.DB) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return scrub(pool.PingContext(ctx))
}

var digestPattern = regexp.MustCompile(`SHA384\$[0-9a-f]*`)

// scrub takes digests out of what the server says: a duplicate key, for one, is
// reported with the key.
func scrub(err error) error {
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return err
	}
	clean := *refusal
	clean.Message = digestPattern.ReplaceAllString(clean.Message, secret.Redacted)
	return &clean
}
