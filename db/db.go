package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// readTimeout limits one read, such as a page of tenants or of stale tokens.
	readTimeout = 30 * time.Second
	// connLife is shorter than any reasonable wait_timeout of a server or a proxy. So
	// the pool does not hand out a connection that was closed.
	connLife = time.Minute
	// poolSize is enough for the readers of a rotation and a purge, their two writers
	// and the readiness probe.
	poolSize = 8
)

// Options describe Porta's database.
type Options struct {
	URL secret.Text
	SSL SSL
	// Current returns the URL that is valid now, if it may change. It is called for
	// each new connection. It is nil if URL never changes.
	Current func() secret.Text
}

// Open prepares a pool for Porta's database. It does not connect yet, so the error is
// about the options only.
func Open(o Options) (*sqlx.DB, error) {
	cfg, err := o.config()
	if err != nil {
		return nil, err
	}
	if o.Current != nil {
		if err := cfg.Apply(mysql.BeforeConnect(o.follow)); err != nil {
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

// follow sets up a connection for the URL that is valid now.
func (o Options) follow(_ context.Context, cfg *mysql.Config) error {
	o.URL = o.Current()
	now, err := o.config()
	if err != nil {
		return err
	}
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName = now.User, now.Passwd, now.Net, now.Addr, now.DBName
	cfg.TLS, cfg.AllowFallbackToPlaintext = now.TLS, now.AllowFallbackToPlaintext
	return nil
}

// Ping tells whether the server answers.
func Ping(ctx context.Context, pool *sqlx.DB) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return scrub(pool.PingContext(ctx))
}

var digestPattern = regexp.MustCompile(`SHA384\$[0-9a-f]*`)

// scrub removes digests from the server's messages. For a duplicate key, for example,
// the server reports the key.
func scrub(err error) error {
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return err
	}
	clean := *refusal
	clean.Message = digestPattern.ReplaceAllString(clean.Message, secret.Redacted)
	return &clean
}
