package check

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// slowRedis is how long an answer of Redis may take. Calls are given up after three
// seconds, and some tasks make many.
const slowRedis = 500 * time.Millisecond

func (c *check) redis(ctx context.Context) {
	client, err := locks.Open(c.cfg.Redis)
	if err != nil {
		c.fail("redis", "see --redis-url", "%v", err)
		return
	}
	defer func() { _ = client.Close() }()
	if err := client.Ping(ctx).Err(); err != nil {
		c.failRedis("redis", "check that the server is up and can be reached, and that user and password are right", err)
		return
	}
	began := time.Now() // the connection is there by now
	if err := client.Ping(ctx).Err(); err != nil {
		c.failRedis("redis", "check that the server is well", err)
		return
	}
	took := time.Since(began)
	info := redisInfo(ctx, client)
	c.redisServer(info["redis_version"], took)
	c.owner(ctx, client)
	c.lease(ctx, client)
	c.ledger(ctx, client)
	book, now := ledger.New(client, c.cfg.KeyPrefix(), ""), time.Now().UTC()
	known, err := book.Gateways(ctx)
	c.gateways(known, err, now)
	c.eviction(info)
	c.push(ctx, book, known, err, now)
}

func (c *check) redisServer(version string, took time.Duration) {
	answers := took.Round(100 * time.Microsecond)
	switch {
	case took > slowRedis:
		c.warn("redis", "find out why Redis or the network is slow; a call that takes more than 3s counts as no answer", "answers in %s", answers)
	case version == "":
		c.ok("redis", "answers in %s; this user may not read its version", answers)
	case olderThan(version, 6, 2):
		c.warn("redis", "use Redis 6.2 or later, or Valkey", "version %s", secret.Printable(version))
	default:
		c.ok("redis", "version %s, answers in %s", secret.Printable(version), answers)
	}
}

// failRedis says what to do about an error of Redis; advice is for the errors of which
// nothing more is known.
func (c *check) failRedis(name, advice string, err error) {
	c.fail(name, cmp.Or(locks.Advice(err), advice), "%s", secret.Printable(tasks.InPlainWords(err).Error()))
}

// owner compares the fingerprint beside the keys with that of Porta's database.
func (c *check) owner(ctx context.Context, client redis.UniversalClient) {
	recorded, err := locks.Recorded(ctx, client, c.cfg.KeyPrefix())
	wrong, is := errors.AsType[*locks.Error](err)
	switch {
	case is && wrong.Kind == locks.WrongType, err == nil && recorded != "" && !db.IsFingerprint(recorded):
		c.warn("redis owner", "find the program that writes to this key, or choose another --name (SCHEDULER_NAME); the next run writes the key anew",
			"%sporta says which Porta the keys belong to, and another program has written to it", c.cfg.KeyPrefix())
	case err != nil:
		c.failRedis("redis owner", howToAllow, err)
	case c.fingerprint == "":
		c.ok("redis owner", "not compared: Porta's database can't be read")
	case recorded == "":
		c.ok("redis owner", "the keys belong to nobody yet")
	case recorded != c.fingerprint:
		c.fail("redis owner", "give one of the two schedulers another --name (SCHEDULER_NAME), or Redis of its own; if this Porta was renamed or restored elsewhere, run scheduler --take-over",
			"the keys of the name %q belong to another Porta, %s; this one is %s", c.cfg.Name, secret.Printable(recorded), c.fingerprint)
	default:
		c.ok("redis owner", "the keys belong to this Porta, %s", c.fingerprint)
	}
}

const howToAllow = "give an ACL user " + locks.ACL + "; name the master: a replica takes no writes"

func (c *check) eviction(info map[string]string) {
	switch policy := info["maxmemory_policy"]; {
	case policy == "":
		c.ok("redis eviction", "this user may not read the policy")
	case policy != "noeviction" && info["maxmemory"] != "0":
		c.warn("redis eviction", "set maxmemory-policy to noeviction, or use a Redis that is not a cache: an evicted lease ends a run, and an evicted ledger costs an extra rotation",
			"maxmemory-policy is %s", secret.Printable(policy))
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
