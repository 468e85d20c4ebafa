package ledger

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestProbe takes one right after the other from a user: the probe misses it, as a run
// would, and changes nothing, neither of an empty ledger nor of a full one.
func TestProbe(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "u", Password: "pw"})
	t.Cleanup(func() { _, _ = admin.Close(), client.Close() })
	const prefix = "token-scheduler:{x}:"
	acl := func(rules ...any) {
		t.Helper()
		base := []any{"ACL", "SETUSER", "u", "reset", "on", ">pw", "~token-scheduler:*", "+@read", "+@write", "+@scripting", "+@connection"}
		must(t, admin.Do(t.Context(), append(base, rules...)...).Err())
	}
	contents := func() map[string]string {
		all := map[string]string{}
		for _, name := range admin.Keys(t.Context(), "*").Val() {
			all[name] = admin.Dump(t.Context(), name).Val() + admin.PTTL(t.Context(), name).Val().String()
		}
		return all
	}
	l, mine := New(client, prefix, "me"), New(admin, prefix, "me")
	for _, full := range []bool{false, true} {
		if full {
			must(t, mine.Record(t.Context(), map[int64]Delivery{1: {At: time.Now()}}, map[int64]string{2: "no"}, time.Now()))
			must(t, mine.RecordRun(t.Context(), Run{Task: "rotate"}))
			must(t, mine.RecordResume(t.Context(), 7))
		}
		before := contents()
		acl()
		must(t, l.Probe(t.Context()))
		for _, without := range []string{
			"type", "renamenx", "pexpire", "hmget", "hscan", "hgetall", "hdel", "hset", "lrange", "ltrim", "lpush", "get", "set", "evalsha",
		} {
			acl("-" + without)
			if err := l.Probe(t.Context()); err == nil || !strings.Contains(strings.ToLower(err.Error()), without) {
				t.Errorf("without %s: %v", without, err)
			}
			if after := contents(); !maps.Equal(before, after) {
				t.Errorf("without %s: %v became %v", without, before, after)
			}
		}
	}
	acl("resetkeys", "~other:*")
	if err := l.Probe(t.Context()); err == nil {
		t.Error("other keys alone are enough")
	}
}

func TestForeignKeysAreFound(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	if found, err := l.Foreign(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("an empty ledger has %v, %v", found, err)
	}
	for i, k := range l.keys() {
		foreign(t, l.client, "zset", k.name)
		found, err := l.Foreign(t.Context())
		must(t, err)
		if len(found) != i+1 || found[i].Key != k.name || found[i].Type != "zset" {
			t.Errorf("%s: found %v", k.name, found)
		}
	}
	must(t, l.Probe(t.Context()))
}
