package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// lock opens a writer as a task does, under a name that no task uses, and rehearses a
// run with it.
func (c *check) lock(ctx context.Context, inspector *db.Inspector, pool *sqlx.DB, rehearse bool) {
	writer, err := db.NewWriters(pool, db.WriterOptions{
		Task: "check", LeaseLife: config.LeaseLife, MaxSkew: 100 * 365 * 24 * time.Hour,
	}).Open(ctx)
	if errors.Is(err, db.ErrFenced) {
		c.fail("lock", "another --check runs; try again", "%v", err)
		return
	}
	if err != nil {
		c.failSQL("lock", "connect to MySQL without a proxy that shares connections between clients", err)
		return
	}
	skew := writer.Skew()
	if rehearse {
		c.statements(inspector.Rehearse(ctx, writer))
	}
	if err := writer.Close(); err != nil {
		c.warn("lock", "nothing: MySQL frees it by itself", "%v", err)
	} else {
		c.ok("lock", "GET_LOCK holds on its connection")
	}
	for _, task := range []string{tasks.Rotate, tasks.Janitor} {
		c.holder(ctx, inspector, task)
	}
	c.clock(skew)
}

// statements says which statements of a run do not work. Each changes nothing.
func (c *check) statements(all []db.Tried) {
	failed := 0
	for _, tried := range all {
		switch {
		case tried.Err == nil:
			continue
		case errors.Is(tried.Err, db.ErrNoMaster), db.ReadOnly(tried.Err):
			continue // has a line of its own
		}
		failed++
		c.failSQL("statement: "+tried.Name, howToRead, tried.Err)
	}
	if failed == 0 {
		c.ok("statements", "each statement of a run was tried, and changed nothing")
	}
}

// holder says who holds the lock of a task.
func (c *check) holder(ctx context.Context, inspector *db.Inspector, task string) {
	name := "lock of " + task
	who, silent, err := inspector.LockHolder(ctx, task)
	switch {
	case err != nil:
		c.warnSQL(name, err)
	case who == "":
		c.ok(name, "free: no run is at work")
	case silent > 2*config.LeaseLife:
		c.warn(name, "if no scheduler is at work, or the server's disk is full, end that connection with KILL",
			"held by %s: a run at work makes a call every %s", who, config.LeaseLife/3)
	default:
		c.ok(name, "a run is at work: held by %s", who)
	}
}

func (c *check) clock(skew time.Duration) {
	found := fmt.Sprintf("MySQL's differs from this machine's by %s", skew.Abs().Round(time.Millisecond))
	switch {
	case skew.Abs() > c.cfg.Schedule.TokenTTL/2:
		c.fail("clock", "synchronise both by NTP: no rotation will write", "%s, more than half a token's life", found)
	case skew.Abs() > config.TolerableSkew:
		c.warn("clock", "synchronise both by NTP", "%s", found)
	default:
		c.ok("clock", "%s", found)
	}
}
