package main

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
		c.fail("redis", "is it up, is the way to it open, are user and password right?", "%v", err)
		return
	}
	took := time.Since(began)
	info := redisInfo(ctx, client)
	known := info["redis_version"]
	switch {
	case known == "":
		c.ok("redis", "answers in %s; its version is not for this user to read", took.Round(time.Millisecond))
	case olderThan(known, 6, 2):
		c.warn("redis", "use Redis 6.2 or later, or Valkey", "version %s", known)
	default:
		c.ok("redis", "version %s, answers in %s", known, took.Round(time.Millisecond))
	}
	c.writable(ctx, client)
	switch policy := info["maxmemory_policy"]; {
	case policy == "":
		c.ok("redis eviction", "its policy is not for this user to read")
	case policy != "noeviction" && info["maxmemory"] != "0":
		c.warn("redis eviction", "set maxmemory-policy to noeviction, or use a Redis that is no cache: an evicted lease ends a run, an evicted ledger costs one more",
			"maxmemory-policy is %s", policy)
	default:
		c.ok("redis eviction", "nothing is evicted")
	}
}

// writable takes a lease and writes to a ledger as tasks do, under names that no
// task uses, and takes both away again.
func (c *check) writable(ctx context.Context, client redis.UniversalClient) {
	const advice = "an ACL user needs ~token-scheduler:* +@read +@write +@scripting +@connection; a replica takes no writes"
	prefix := c.cfg.KeyPrefix() + "check:"
	lease, err := locks.New(client, prefix, config.LeaseLife, "").Acquire(ctx, "lease")
	if err != nil {
		c.fail("redis lease", advice, "%v", err)
		return
	}
	if err := lease.Release(); err != nil {
		c.warn("redis lease", "it runs out by itself", "%v", err)
	} else {
		c.ok("redis lease", "a lease can be taken and given up")
	}
	ledger := ledger.New(client, prefix, "check")
	err = ledger.Record(ctx, map[int64]time.Time{0: time.Unix(0, 0)}, nil, time.Now())
	if err == nil {
		err = ledger.Forget(ctx, time.Now())
	}
	if err != nil {
		c.fail("redis ledger", advice, "%v", err)
		return
	}
	c.ok("redis ledger", "deliveries can be recorded")
}

// redisInfo is what Redis says of itself; empty where this user may not ask.
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
