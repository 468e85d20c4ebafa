package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/token-scheduler/token-scheduler/db"
)

// tables returns whether all tables and columns are there.
func (c *check) tables(ctx context.Context, inspector *db.Inspector) bool {
	complete := true
	for _, table := range db.Tables() {
		missing, err := inspector.MissingColumns(ctx, table)
		switch {
		case err != nil:
			c.failSQL("table "+table, howToRead, err)
		case len(missing) > 0:
			c.fail("table "+table, "check that this is Porta's database, and that this user may read the table",
				"missing or not visible: %s", strings.Join(missing, ", "))
		default:
			c.ok("table "+table, "every column that the scheduler uses is there")
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
		c.warnSQL("trigger", err)
	case has:
		c.ok("trigger", "access_tokens_tenant_id is there")
	default:
		c.warn("trigger", "nothing, if this user lacks the right TRIGGER, which is needed to see it; otherwise run Porta's rake db:triggers",
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
		err := inspector.TryGrant(ctx, grant)
		switch {
		case err == nil:
			c.ok(name, "given")
		case db.LacksRight(err):
			c.fail(name, fmt.Sprintf("as an administrator of MySQL: GRANT %s ON %s.%s TO this user", grant.Right, database, grant.Table), "%v", err)
		default:
			c.failSQL(name, howToRead, err)
		}
	}
}
