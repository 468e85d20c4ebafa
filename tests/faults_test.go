package tests

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// slowly has each push take its time.
func slowly(zync.Push) zync.Fault { return zync.Fault{Delay: 50 * time.Millisecond} }

func redisOf(t *testing.T, w *world) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(w.env["REDIS_URL"])
	must(t, err)
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	return client
}
