package check

import (
	"context"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
)

func (c *check) redis(ctx context.Context) {
	client, err := locks.Open(c.cfg.Redis)
	if err != nil {
		c.fail("redis", "see --redis-url", "%v", err)
		return
	}
	defer func() { _ = client.Close() }()
	began := time.Now()
	if err := client.Ping(ctx).Err(); err != nil {
		c.fail("redis", "check that the server is up and can be reached, and that user and password are right", "%v", err)
		return
	}
	took := since(began)
	info := redisInfo(ctx, client)
	switch version := info["redis_version"]; {
	case version == "":
		c.ok("redis", "answers in %s; this user may not read its version", took)
	case olderThan(version, 6, 2):
		c.warn("redis", "use Redis 6.2 or later, or Valkey", "version %s", version)
	default:
		c.ok("redis", "version %s, answers in %s", version, took)
	}
	prefix := c.cfg.KeyPrefix() + "check:" // no task uses it
	if c.lease(ctx, client, prefix) {
		c.ledger(ctx, client, prefix)
	}
	c.eviction(info)
}

const howToAllow = "give an ACL user ~token-scheduler:* +@read +@write +@scripting +@connection; name the master: a replica takes no writes"

// lease takes a lease as a task does, and gives it up.
func (c *check) lease(ctx context.Context, client redis.UniversalClient, prefix string) bool {
	lease, err := locks.New(client, prefix, config.LeaseLife, "").Acquire(ctx, "lease")
	if err != nil {
		c.fail("redis lease", howToAllow, "%v", err)
		return false
	}
	if err := lease.Release(); err != nil {
		c.warn("redis lease", "nothing: it runs out by itself", "%v", err)
	} else {
		c.ok("redis lease", "a lease can be taken and given up")
	}
	return true
}

// ledger records a delivery as a task does, and forgets it.
func (c *check) ledger(ctx context.Context, client redis.UniversalClient, prefix string) {
	deliveries := ledger.New(client, prefix, "check")
	err := deliveries.Record(ctx, map[int64]ledger.Delivery{0: {At: time.Unix(0, 0)}}, nil, time.Now())
	if err == nil {
		err = deliveries.Forget(ctx, time.Now())
	}
	if err != nil {
		c.fail("redis ledger", howToAllow, "%v", err)
		return
	}
	c.ok("redis ledger", "deliveries can be recorded")
}

func (c *check) eviction(info map[string]string) {
	switch policy := info["maxmemory_policy"]; {
	case policy == "":
		c.ok("redis eviction", "this user may not read the policy")
	case policy != "noeviction" && info["maxmemory"] != "0":
		c.warn("redis eviction", "set maxmemory-policy to noeviction, or use a Redis that is no cache: an evicted lease ends a run, an evicted ledger costs one more",
			"maxmemory-policy is %s", policy)
	default:
		c.ok("redis eviction", "nothing is evicted")
	}
}

// redisInfo returns what Redis says of itself; nothing if this user may not ask.
func redisInfo(ctx context.Context, client redis.UniversalClient) map[string]string {
	known := map[string]string{}
	for _, section := range []string{"server", "memory"} {
		text, err := client.Info(ctx, section).Result()
		if err != nil {
			return map[string]string{}
		}
		for line := range strings.Lines(text) {
			if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
				known[name] = value
			}
		}
	}
	return known
}
