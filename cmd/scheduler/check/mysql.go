package check

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/db"
)

const howToRead = "check the grants of this user, and that the server is well"

// mysql tests Porta's database, and also Porta, for which it needs a tenant.
func (c *check) mysql(ctx context.Context) {
	pool, err := db.Open(c.cfg.Database)
	if err != nil {
		c.fail("mysql", "see --database-url and --database-ssl-…", "%v", err)
		return
	}
	defer func() { _ = pool.Close() }()
	inspector := db.NewInspector(pool)
	began := time.Now()
	server, err := inspector.Server(ctx)
	if err != nil {
		c.fail("mysql", "check that the server is up and can be reached, and that user, password and database are right", "%v", err)
		return
	}
	if supported(server.Version) {
		c.ok("mysql", "%s, answers in %s", server.Version, since(began))
	} else {
		c.warn("mysql", "use MySQL 8.0 or later, or MariaDB 10.6 or later", "version %s", server.Version)
	}
	c.encryption(server)
	c.writes(server)
	c.binaryLog(server)
	complete := c.tables(ctx, inspector)
	c.trigger(ctx, inspector)
	c.grants(ctx, inspector, server.ReadOnly)
	c.lock(ctx, pool)
	if complete {
		tenants := db.NewTenants(pool, c.cfg.Porta.ImpersonationAdmin)
		c.tenants(ctx, inspector, tenants)
		c.tokens(ctx, inspector)
		c.porta(ctx, tenants)
	}
}

func (c *check) encryption(s db.Server) {
	switch mode := c.cfg.Database.SSLMode(); {
	case s.Cipher != "":
		c.ok("mysql tls", "%s, mode %s", s.Cipher, mode)
	case mode == db.SSLDisabled:
		c.warn("mysql tls", "set --database-ssl-ca, unless the network to MySQL is private", "plain text, mode %s", mode)
	default:
		c.warn("mysql tls", "make sure that the network between the proxy and MySQL is private",
			"mode %s, but MySQL sees plain text: a proxy ends TLS", mode)
	}
}

func (c *check) writes(s db.Server) {
	if s.ReadOnly {
		c.fail("mysql read_only", "name the primary in --database-url", "the server is read-only: a replica?")
		return
	}
	c.ok("mysql read_only", "the server takes writes")
}

func (c *check) binaryLog(s db.Server) {
	switch {
	case !s.BinaryLog:
		c.ok("mysql binlog", "there is no binary log")
	case strings.EqualFold(s.BinlogFormat, "STATEMENT"):
		c.fail("mysql binlog", "set binlog_format to ROW or MIXED: with STATEMENT, MySQL refuses READ COMMITTED writes (error 1665)",
			"binlog_format is STATEMENT")
	default:
		c.ok("mysql binlog", "binlog_format is %s", s.BinlogFormat)
	}
}

// tables returns whether all tables and columns are there.
func (c *check) tables(ctx context.Context, inspector *db.Inspector) bool {
	complete := true
	for _, table := range db.Tables() {
		missing, err := inspector.MissingColumns(ctx, table)
		switch {
		case err != nil:
			c.fail("table "+table, howToRead, "%v", err)
		case len(missing) > 0:
			c.fail("table "+table, "check that this is Porta's database, and that this user may read the table",
				"missing or not visible: %s", strings.Join(missing, ", "))
		default:
			c.ok("table "+table, "every column that is used is there")
			continue
		}
		complete = false
	}
	return complete
}

func (c *check) trigger(ctx context.Context, inspector *db.Inspector) {
	has, err := inspector.HasTrigger(ctx)
	switch {
	case err != nil:
		c.warn("trigger", howToRead, "%v", err)
	case has:
		c.ok("trigger", "access_tokens_tenant_id is there")
	default:
		c.warn("trigger", "nothing, if this user lacks the right TRIGGER, which is needed to see it; otherwise run Porta's rake db:procedures",
			"access_tokens_tenant_id is not visible; the scheduler does not need it, but Porta's own rows do")
	}
}

func (c *check) grants(ctx context.Context, inspector *db.Inspector, readOnly bool) {
	database := "the database"
	if cfg, err := db.ParseURL(c.cfg.Database.URL); err == nil {
		database = cfg.DBName
	}
	for _, grant := range db.Grants() {
		if readOnly && grant.Right != "SELECT" {
			continue // a read-only server refuses everybody
		}
		name := "grant " + grant.String()
		if err := inspector.TryGrant(ctx, grant); err != nil {
			advice := fmt.Sprintf("as an administrator of MySQL: GRANT %s ON %s.%s TO this user", grant.Right, database, grant.Table)
			c.fail(name, advice, "%v", err)
		} else {
			c.ok(name, "given")
		}
	}
}

// lock opens a writer as a task does, under a name that no task uses.
func (c *check) lock(ctx context.Context, pool *sqlx.DB) {
	writer, err := db.NewWriters(pool, db.WriterOptions{
		Task: "check", LeaseLife: config.LeaseLife, MaxSkew: 100 * 365 * 24 * time.Hour,
	}).Open(ctx)
	if err != nil {
		advice := "connect to MySQL without a proxy that shares connections between clients"
		if errors.Is(err, db.ErrFenced) {
			advice = "another --check runs; try again"
		}
		c.fail("lock", advice, "%v", err)
		return
	}
	skew := writer.Skew()
	if err := writer.Close(); err != nil {
		c.warn("lock", "nothing: MySQL frees it by itself", "%v", err)
	} else {
		c.ok("lock", "GET_LOCK holds on its connection")
	}
	c.clock(skew)
}

func (c *check) clock(skew time.Duration) {
	found := fmt.Sprintf("MySQL's is %s from ours", skew.Abs().Round(time.Millisecond))
	switch {
	case skew.Abs() > c.cfg.Schedule.TokenTTL/2:
		c.fail("clock", "synchronise both by NTP: no rotation will write", "%s, more than half a token's life", found)
	case skew.Abs() > config.TolerableSkew:
		c.warn("clock", "synchronise both by NTP", "%s", found)
	default:
		c.ok("clock", "%s", found)
	}
}
