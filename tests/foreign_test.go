package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// TestForeignKeysOnRedis: another program writes values of other types to every key of
// the ledger while a daemon leads and another stands by. Each is named, and everyone
// is served, by the daemons and by hand.
func TestForeignKeysOnRedis(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 30)
	w.watch()
	env := map[string]string{"ROTATE_SCHEDULE": "@every 5s", "TOKEN_TTL": "120s"}
	client, keys := w.redis(), []string{"deliveries", "failures", "runs", "history", "resume"}
	// A value takes a key's place at once: a daemon may write to a key that is missing.
	spoil := func(kind func(key string) error) {
		for _, key := range keys {
			key = "token-scheduler:{" + w.porta.Name + "}:" + key
			must(t, kind(key+":foreign"))
			must(t, client.Rename(t.Context(), key+":foreign", key).Err())
		}
	}
	spoil(func(key string) error { return client.SAdd(t.Context(), key, "x").Err() })
	if code, r := w.once("--task=rotate"); code != 0 || r.Tasks[0].Delivered != len(w.seeded.Owners) {
		t.Errorf("exit code %d, %+v", code, r)
	}
	leader := w.start(env)
	leader.logs("msg=leading")
	standby := w.start(env)
	standby.logs("standing by")
	for name, kind := range map[string]func(key string) error{
		"stream": func(key string) error {
			return client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: []string{"x", "y"}}).Err()
		},
		"zset": func(key string) error { return client.ZAdd(t.Context(), key, redis.Z{Member: "x"}).Err() },
	} {
		spoil(kind)
		since := time.Now()
		leader.logs("another program has written", "type="+name, ":deliveries")
		w.servedSince(since)
	}
	leader.signal(9)
	standby.logs("msg=leading")
	spoil(func(key string) error { return client.RPush(t.Context(), key, "x").Err() })
	since := time.Now()
	standby.logs("another program has written", "type=list", ":runs")
	w.servedSince(since)
	if code := w.start(env, "--status").wait(); code != 0 {
		t.Errorf("exit code %d of --status", code)
	}
	standby.stops()
	aside, err := client.Keys(t.Context(), fmt.Sprintf("token-scheduler:{%s}:*:unusable:*", w.porta.Name)).Result()
	if err != nil || len(aside) < len(keys) {
		t.Errorf("kept are %v, %v", aside, err)
	}
}
