package check

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// LeaseNames are the leases that daemons and runs take.
func LeaseNames() []string {
	return []string{"leader", "run:" + tasks.Rotate, "run:" + tasks.Janitor}
}

// lease takes a lease as a task does, under a name that no task uses, and gives it up.
// On the keys that tasks use it tries each command and changes nothing.
func (c *check) lease(ctx context.Context, client redis.UniversalClient) {
	prefix := c.cfg.KeyPrefix()
	lease, err := locks.New(client, prefix+"check:", config.LeaseLife, "").Acquire(ctx, "lease")
	if err != nil {
		c.failRedis("redis lease", howToAllow, err)
		return
	}
	if err := lease.Release(); err != nil {
		c.warn("redis lease", "nothing: it runs out by itself", "%s", secret.Printable(err.Error()))
		return
	}
	if err := locks.New(client, prefix, config.LeaseLife, "").Probe(ctx, LeaseNames()...); err != nil {
		c.failRedis("redis lease", howToAllow, err)
		return
	}
	c.ok("redis lease", "a lease can be taken and given up; each command of a run works on its keys")
	c.endless(ctx, client)
}

// endless names leases that never end. No process can hold one.
func (c *check) endless(ctx context.Context, client redis.UniversalClient) {
	const advice = "nothing: the next process that wants it gives it an end; if it comes back, choose another --name (SCHEDULER_NAME)"
	for _, name := range LeaseNames() {
		key := c.cfg.KeyPrefix() + name
		left, err := client.PTTL(ctx, key).Result()
		switch {
		case err != nil:
			c.failRedis("redis lease", howToAllow, err)
		case left == -1:
			c.warn("redis lease", advice, "%s has no end: another program has written it", key)
		case left > 4*config.LeaseLife:
			c.warn("redis lease", advice, "%s lasts for %s: another program has written it", key, left.Round(time.Second))
		}
	}
}

// ledger names the keys that hold another type, and tries each command of a run on the
// others.
func (c *check) ledger(ctx context.Context, client redis.UniversalClient) {
	book := ledger.New(client, c.cfg.KeyPrefix(), "check")
	foreign, err := book.Foreign(ctx)
	if err == nil {
		err = book.Probe(ctx)
	}
	if err != nil {
		c.failRedis("redis ledger", howToAllow, err)
		return
	}
	for _, f := range foreign {
		c.warn("redis ledger", "find the program that writes to this key, or choose another --name (SCHEDULER_NAME); the next run moves the value aside and begins anew",
			"%s", secret.Printable(f.Error()))
	}
	if len(foreign) == 0 {
		c.ok("redis ledger", "each command of a run works on its keys")
	}
}
