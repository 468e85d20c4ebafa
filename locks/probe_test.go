package locks_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestProbe removes one right after the other from a user. The probe notices, as a run
// would, and changes nothing.
func TestProbe(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	ctx := t.Context()
	acl := func(rules ...string) {
		t.Helper()
		args := []any{"ACL", "SETUSER", "u", "reset", "on", ">hunter2"}
		for _, rule := range append(strings.Fields(locks.ACL), rules...) {
			args = append(args, rule)
		}
		must(t, admin.Do(ctx, args...).Err())
	}
	acl()
	client, err := locks.Open(at("redis://u:hunter2@" + server.Addr()))
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	locker := locks.New(client, "token-scheduler:{x}:", time.Minute, "me")
	probe := func() error { return locker.Probe(ctx, "leader", "run:rotate") }
	must(t, probe())
	if keys := admin.Keys(ctx, "*").Val(); len(keys) > 0 {
		t.Fatalf("the probe left %q", keys)
	}
	for _, held := range []bool{false, true} {
		if held {
			must(t, admin.Set(ctx, "token-scheduler:{x}:leader", "0123456789012345678901me", time.Minute).Err())
		}
		before := dump(t, admin)
		for _, without := range []string{"type", "pttl", "mget", "getrange", "set", "msetnx", "pexpire", "del", "eval", "evalsha"} {
			if without == "eval" {
				must(t, admin.ScriptFlush(ctx).Err())
			}
			acl("-" + without)
			var known *locks.Error
			if err := probe(); !errors.As(err, &known) || known.Kind != locks.NoPerm {
				t.Errorf("without %s: %v", without, err)
			}
			if after := dump(t, admin); !maps.Equal(before, after) {
				t.Errorf("without %s: %v became %v", without, before, after)
			}
		}
		acl("resetkeys", "~token-scheduler:{x}:check*")
		if err := probe(); err == nil {
			t.Error("other keys will not do")
		}
		acl()
	}
	must(t, probe())
	must(t, admin.RPush(ctx, "token-scheduler:{x}:run:rotate", "x").Err())
	if err := probe(); err == nil || !strings.Contains(err.Error(), "run:rotate") {
		t.Errorf("a list at a lease's key: %v", err)
	}
}

// dump is the content of Redis, and whether it expires.
func dump(t *testing.T, client *redis.Client) map[string]string {
	t.Helper()
	ctx, all := context.Background(), map[string]string{}
	for _, key := range client.Keys(ctx, "*").Val() {
		all[key] = client.Get(ctx, key).Val()
		if client.TTL(ctx, key).Val() > 30*time.Second {
			all[key] += " ends"
		}
	}
	return all
}
