package tests

import (
	"context"
	"strings"
	"testing"
	"time"
)

// short are windows and tokens so short that a test sees half a token's life pass.
func short() map[string]string {
	return map[string]string{"ROTATE_SCHEDULE": "@every 10s", "TOKEN_TTL": "60s"}
}

const aloneLine = "rotating under MySQL's lock alone"

// TestRedisThatIsSlowForLong: each answer takes four and a half seconds. Before tokens
// expire, daemons go on without Redis, and lead again when it is well.
func TestRedisThatIsSlowForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.watch()
	redis := w.poison()["redis"]
	first := w.start(short())
	first.logs("run ended", "outcome=success")
	second := w.start(short())
	second.logs("standing by")
	eventually(t, "a standby that knows of the last rotation", func() bool {
		return strings.Contains(second.metrics(t), `token_scheduler_task_last_success_timestamp_seconds{task="rotate"} 1`)
	})
	redis.add("latency", "downstream", `"latency":4500`)
	slow := time.Now()
	eventually(t, "rotation alone", func() bool { return countLines(first, aloneLine)+countLines(second, aloneLine) > 0 })
	if after := time.Since(slow); after < 15*time.Second {
		t.Errorf("alone after %s", after)
	}
	for range 2 {
		w.servedSince(time.Now())
	}
	redis.heal()
	well := time.Now()
	eventually(t, "a leader", func() bool {
		return countLines(first, "msg=leading")+countLines(second, "msg=leading") > 1 && time.Since(well) > time.Second
	})
	w.servedSince(time.Now())
	first.stops()
	second.stops()
}

// TestLeaseOfAnotherProgram: another program writes to the key of the leader's lease
// all the time, so nobody leads. Everyone is served nevertheless.
func TestLeaseOfAnotherProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.watch()
	client, key := w.redis(), "token-scheduler:{"+w.porta.Name+"}:leader"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	writing := make(chan struct{})
	go func() {
		defer close(writing)
		for ctx.Err() == nil {
			_ = client.Set(ctx, key, "of another program", 15*time.Second).Err()
			time.Sleep(100 * time.Millisecond)
		}
	}()
	d := w.start(short())
	d.logs("standing by")
	d.logs("level=ERROR", aloneLine)
	for range 2 {
		w.servedSince(time.Now())
	}
	if got := d.metrics(t); !strings.Contains(got, "\ntoken_scheduler_without_redis 1\n") || !strings.Contains(got, "\ntoken_scheduler_leader 0\n") {
		t.Errorf("the metrics do not say it:\n%s", got)
	}
	cancel()
	<-writing
	must(t, client.Del(t.Context(), key).Err())
	d.logs("msg=leading")
	w.servedSince(time.Now())
	d.stops()
}
