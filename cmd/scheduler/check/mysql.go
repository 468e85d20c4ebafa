package check

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

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
		c.failSQL("mysql", "check that the server is up and can be reached, and that user, password and database are right", err)
		return
	}
	if supported(server.Version) {
		c.ok("mysql", "%s, answers in %s", server.Version, since(began))
	} else {
		c.warn("mysql", "use MySQL 8.0 or later, or MariaDB 10.6 or later", "version %s", server.Version)
	}
	c.server(server)
	complete := c.tables(ctx, inspector)
	c.trigger(ctx, inspector)
	c.grants(ctx, inspector, server.ReadOnly)
	c.lock(ctx, inspector, pool, complete && server.Connections != 1)
	if complete {
		tenants := db.NewTenants(pool, c.cfg.Porta.ImpersonationAdmin)
		c.tenants(ctx, inspector, tenants)
		c.leftOut(ctx, tenants)
		c.tokens(ctx, inspector)
		c.porta(ctx, tenants)
		porta, _ := db.WhichPorta(ctx, pool)
		c.fingerprint = porta.Fingerprint
	}
}

// server says what the server's own settings mean for a run.
func (c *check) server(s db.Server) {
	c.encryption(s)
	c.writes(s)
	c.binaryLog(s)
	c.cluster(s)
	c.connections(s)
	c.defaults(s)
}

// failSQL says what to do about an error of MySQL; advice is for the errors of which
// nothing more is known.
func (c *check) failSQL(name, advice string, err error) {
	c.fail(name, cmp.Or(db.Advice(err), advice), "%v", err)
}

func (c *check) warnSQL(name string, err error) {
	c.warn(name, cmp.Or(db.Advice(err), howToRead), "%v", err)
}

func (c *check) encryption(s db.Server) {
	switch mode := c.cfg.Database.SSLMode(); {
	case s.Cipher != "":
		c.ok("mysql tls", "%s, mode %s", s.Cipher, mode)
	case mode == db.SSLDisabled:
		c.warn("mysql tls", "set --database-ssl-ca, unless the network to MySQL is private", "plain text, mode %s", mode)
	case mode == db.SSLPreferred:
		c.warn("mysql tls", "set DATABASE_SSL_MODE=required, unless the network to MySQL is private",
			"plain text: the server offers no TLS, and mode preferred does without")
	default:
		c.warn("mysql tls", "make sure that the network between the proxy and MySQL is private",
			"mode %s, but MySQL sees plain text: a proxy ends TLS", mode)
	}
}

func (c *check) writes(s db.Server) {
	if !s.ReadOnly {
		c.ok("mysql read_only", "the server takes writes")
		return
	}
	advice := "name the primary in --database-url"
	for _, by := range s.ReadOnlyBy {
		switch by {
		case "innodb_read_only":
			advice = "name the primary in --database-url; on Aurora that is the cluster's writer endpoint"
		case "wsrep_ready":
			advice = "this Galera node has no quorum or is not ready: connect to one that is, or restore the cluster"
		}
	}
	c.fail("mysql read_only", advice, "the server is read-only, and no right is missing: see its %s", strings.Join(s.ReadOnlyBy, ", "))
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

// cluster says what the writer's lock is worth.
func (c *check) cluster(s db.Server) {
	switch {
	case s.Cluster == "":
		c.ok("mysql cluster", "none: the writer's lock, GET_LOCK, is the whole server's")
	case s.Members == 1:
		c.ok("mysql cluster", "%s with one member", s.Cluster)
	default:
		c.warn("mysql cluster", "have all schedulers write through the same node: one host in DATABASE_URL, or a proxy that sends them all to one",
			"%s; the writer's lock, GET_LOCK, holds on one node only, and does not stop a scheduler on another", members(s))
	}
}

// members is as "Galera with 3 members".
func members(s db.Server) string {
	if s.Members == 0 {
		return s.Cluster
	}
	return fmt.Sprintf("%s with %d members", s.Cluster, s.Members)
}

// Connections that are needed at a time: by a run, and by the daemon's two tasks.
const (
	forARun   = 2
	forDaemon = 4
)

func (c *check) connections(s db.Server) {
	const advice = "raise this user's limit: ALTER USER … WITH MAX_USER_CONNECTIONS 8"
	switch n := s.Connections; {
	case n == 0:
		c.ok("mysql connections", "this user has no limit of its own")
	case n < forARun:
		c.fail("mysql connections", advice, "this user may have %d at a time, and a run needs %d", n, forARun)
	case n < forDaemon:
		c.warn("mysql connections", advice, "this user may have %d at a time; a rotation and a purge at the same time need %d", n, forDaemon)
	default:
		c.ok("mysql connections", "this user may have %d at a time", n)
	}
}

func (c *check) defaults(s db.Server) {
	if len(s.Odd) == 0 {
		c.ok("mysql defaults", "no unusual default changes what statements mean")
		return
	}
	c.warn("mysql defaults", "nothing for the scheduler, which sets its own in its sessions; check that Porta wants these",
		"unusual: %s", strings.Join(s.Odd, ", "))
}
