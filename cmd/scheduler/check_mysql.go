package main

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

const howToGrant = "as an administrator of MySQL: GRANT %s ON %s.%s TO this user"

// mysql tests Porta's database, and Porta where verification is on, for which it
// needs a tenant.
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
		c.fail("mysql", "is it up, is the way to it open, are user, password and database right?", "%v", err)
		return
	}
	if supported(server.Version) {
		c.ok("mysql", "%s, answers in %s", server.Version, time.Since(began).Round(time.Millisecond))
	} else {
		c.warn("mysql", "use MySQL 8.0 or later, or MariaDB 10.6 or later", "version %s", server.Version)
	}
	c.server(server)
	sound := c.tables(ctx, inspector)
	c.grants(ctx, inspector, server.ReadOnly)
	c.lock(ctx, pool)
	if sound {
		tenants := db.NewTenants(pool, c.cfg.Porta.ImpersonationAdmin)
		c.count(ctx, inspector, tenants)
		c.porta(ctx, tenants)
	}
}

// supported tells whether a server's version is one that is known to work.
func supported(version string) bool {
	if strings.Contains(strings.ToLower(version), "mariadb") {
		// MariaDB puts this before its own version for old clients.
		return !olderThan(strings.TrimPrefix(version, "5.5.5-"), 10, 6)
	}
	return !olderThan(version, 8, 0)
}

// olderThan tells whether a version is known to be older than another.
func olderThan(version string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(version, "%d.%d", &a, &b); err != nil {
		return false
	}
	return a < major || (a == major && b < minor)
}

func (c *check) server(s db.Server) {
	mode := c.cfg.Database.SSL.Effective()
	switch {
	case s.Cipher != "":
		c.ok("mysql tls", "%s, mode %s", s.Cipher, mode)
	case mode == db.SSLDisabled:
		c.warn("mysql tls", "give --database-ssl-ca where the way to MySQL is not private", "plain text, mode %s", mode)
	default:
		c.warn("mysql tls", "see to it that the way from there to MySQL is private", "mode %s, but MySQL sees plain text: a proxy before it takes TLS off", mode)
	}
	if s.ReadOnly {
		c.fail("mysql read_only", "name the primary in --database-url", "the server is read-only: a replica?")
	} else {
		c.ok("mysql read_only", "the server takes writes")
	}
	switch {
	case !s.BinaryLog:
		c.ok("mysql binlog", "there is no binary log")
	case strings.EqualFold(s.BinlogFormat, "STATEMENT"):
		c.fail("mysql binlog", "set binlog_format to ROW or MIXED: MySQL refuses READ COMMITTED writes with STATEMENT (error 1665)",
			"binlog_format is STATEMENT")
	default:
		c.ok("mysql binlog", "binlog_format is %s", s.BinlogFormat)
	}
}

// tables tells whether all tables and columns are there.
func (c *check) tables(ctx context.Context, inspector *db.Inspector) bool {
	sound := true
	for _, table := range db.Tables() {
		missing, err := inspector.MissingColumns(ctx, table)
		switch {
		case err != nil:
			c.fail("table "+table, "", "%v", err)
		case len(missing) > 0:
			c.fail("table "+table, "is this Porta's database, and may this user read the table?",
				"missing, or not to be seen: %s", strings.Join(missing, ", "))
		default:
			c.ok("table "+table, "every column that is used is there")
			continue
		}
		sound = false
	}
	has, err := inspector.HasTrigger(ctx)
	switch {
	case err != nil:
		c.warn("trigger", "", "%v", err)
	case has:
		c.ok("trigger", "access_tokens_tenant_id is there")
	default:
		c.warn("trigger", "nothing, if this user lacks the right TRIGGER, without which it can't be seen; else run Porta's rake db:procedures",
			"access_tokens_tenant_id is not to be seen; the tokens' tenant_id is set without it, Porta's own rows need it")
	}
	return sound
}

func (c *check) grants(ctx context.Context, inspector *db.Inspector, readOnly bool) {
	database := "the database"
	if cfg, err := db.ParseURL(c.cfg.Database.URL); err == nil {
		database = cfg.DBName
	}
	for _, grant := range db.Grants() {
		if readOnly && grant.Right != "SELECT" {
			continue // it refuses everybody
		}
		if err := inspector.TryGrant(ctx, grant); err != nil {
			c.fail("grant "+grant.String(), fmt.Sprintf(howToGrant, grant.Right, database, grant.Table), "%v", err)
		} else {
			c.ok("grant "+grant.String(), "given")
		}
	}
}

// lock takes a writer as a task does, under a name that no task uses.
func (c *check) lock(ctx context.Context, pool *sqlx.DB) {
	writer, err := db.OpenWriter(ctx, pool, db.WriterOptions{
		Lock: db.LockName(c.cfg.Name, "check"), LeaseLife: config.LeaseLife, MaxSkew: 100 * 365 * 24 * time.Hour,
	})
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
		c.warn("lock", "MySQL gives it back by itself", "%v", err)
	} else {
		c.ok("lock", "GET_LOCK holds on its connection")
	}
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

func (c *check) count(ctx context.Context, inspector *db.Inspector, tenants *db.Tenants) {
	all, err := tenants.Count(ctx)
	if err == nil && all == 0 {
		err = db.ErrNoMaster
	}
	owned := 0
	if err == nil {
		owned, err = inspector.Owned(ctx)
	}
	switch {
	case err != nil:
		c.fail("tenants", "is this Porta's database?", "%v", err)
	case owned < all:
		c.warn("tenants", "give them an admin in Porta; until then they have no sync token", "%d tenants, %d of them without an admin", all, all-owned)
	default:
		c.ok("tenants", "%d tenants, all with an admin", all)
	}
	tokens, err := inspector.Tokens(ctx)
	switch {
	case err != nil:
		c.warn("sync tokens", "", "%v", err)
	case tokens.Legacy > 0:
		c.warn("sync tokens", "the first rotation replaces those that never expire, the janitor deletes them afterwards",
			"%d, of which %d have expired and %d never do", tokens.All, tokens.Expired, tokens.Legacy)
	default:
		c.ok("sync tokens", "%d, of which %d have expired", tokens.All, tokens.Expired)
	}
}
