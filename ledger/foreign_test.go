package ledger

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// foreign writes a value of each type that is not the ledger's.
func foreign(t *testing.T, client redis.UniversalClient, kind, key string) {
	t.Helper()
	ctx := t.Context()
	must(t, map[string]func() error{
		"string": func() error { return client.Set(ctx, key, "x", 0).Err() },
		"list":   func() error { return client.RPush(ctx, key, "x").Err() },
		"set":    func() error { return client.SAdd(ctx, key, "x").Err() },
		"zset":   func() error { return client.ZAdd(ctx, key, redis.Z{Member: "x"}).Err() },
		"stream": func() error { return client.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: []string{"x", "y"}}).Err() },
		"hash":   func() error { return client.HSet(ctx, key, "x", "y").Err() },
	}[kind]())
}

// uses are calls on a key of the ledger, each of which meets what the key holds.
func (l *Ledger) uses(t *testing.T) map[string]map[string]func() error {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	return map[string]map[string]func() error{
		l.deliveries(): {
			"read":   func() error { _, err := l.Deliveries(ctx, []int64{1}); return err },
			"record": func() error { return l.Record(ctx, map[int64]Delivery{1: {At: now}}, nil, now) },
			"forget": func() error { return l.Forget(ctx, now) },
		},
		l.failures(): {
			"record a delivery": func() error { return l.Record(ctx, map[int64]Delivery{1: {At: now}}, nil, now) },
			"record a failure":  func() error { return l.Record(ctx, nil, map[int64]string{1: "no"}, now) },
			"read":              func() error { _, err := l.Failures(ctx, Ask{}); return err },
			"forget":            func() error { return l.Forget(ctx, now) },
		},
		l.runs(): {
			"record":          func() error { return l.RecordRun(ctx, Run{Task: "rotate"}) },
			"read":            func() error { _, err := l.Tasks(ctx, "rotate"); return err },
			"record what was": func() error { return l.RecordSaid(ctx, "ownerless", "[3]") },
			"read what was":   func() error { _, err := l.Said(ctx, "ownerless"); return err },
		},
		l.history(): {
			"record": func() error { return l.RecordRun(ctx, Run{Task: "rotate"}) },
			"read":   func() error { _, err := l.History(ctx); return err },
		},
		l.resume(): {"read": func() error { _, err := l.Resume(ctx); return err }},
	}
}

// TestForeignValuesAreMovedAside: whatever another program has put where a key of the
// ledger was, each call works, and the value is kept for a week.
func TestForeignValuesAreMovedAside(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	var told []*ForeignError
	l.MoveAside(func(f *ForeignError) { told = append(told, f) })
	for key, calls := range l.uses(t) {
		for name, call := range calls {
			for _, kind := range []string{"string", "list", "set", "zset", "stream", "hash"} {
				keys, _ := l.client.Keys(t.Context(), l.prefix+"*").Result()
				must(t, l.client.Del(t.Context(), append(keys, "none")...).Err())
				told = nil
				foreign(t, l.client, kind, key)
				if err := call(); err != nil {
					t.Errorf("%s, a %s: %s: %v", key, kind, name, err)
				}
				if kind == typeOf(key) {
					if len(told) != 0 {
						t.Errorf("%s: %s was moved aside", key, kind)
					}
					continue
				}
				if len(told) != 1 || told[0].Key != key || told[0].Type != kind || !strings.HasPrefix(told[0].Aside, key+":unusable:") {
					t.Errorf("%s, a %s: %s: told of %v", key, kind, name, told)
					continue
				}
				left, err := l.client.PTTL(t.Context(), told[0].Aside).Result()
				if err != nil || left < 6*24*time.Hour || left > 7*24*time.Hour {
					t.Errorf("%s, a %s: what was moved aside ends in %s, %v", key, kind, left, err)
				}
			}
		}
	}
}

func typeOf(key string) string {
	switch key[strings.LastIndex(key, ":")+1:] {
	case "resume":
		return "string"
	case "history":
		return "list"
	}
	return "hash"
}

// TestWhoOnlyReadsMovesNothing: --status says what it found, and leaves it to a run.
func TestWhoOnlyReadsMovesNothing(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	foreign(t, l.client, "stream", l.runs())
	_, err := l.Tasks(t.Context(), "rotate")
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), l.runs()) || !strings.Contains(err.Error(), "stream") {
		t.Errorf("%v", err)
	}
	if kind := l.client.Type(t.Context(), l.runs()).Val(); kind != "stream" {
		t.Errorf("the key is now a %s", kind)
	}
}

// TestTwoProcessesMeetAForeignValue: who is late does not move aside what the other
// has begun anew.
func TestTwoProcessesMeetAForeignValue(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.MoveAside(func(f *ForeignError) { t.Errorf("moved aside: %v", f) })
	must(t, l.Record(t.Context(), map[int64]Delivery{1: {At: time.Now()}}, nil, time.Now()))
	calls := 0
	must(t, l.on(t.Context(), hashType, func() error {
		if calls++; calls == 1 {
			return l.client.LPush(t.Context(), l.deliveries(), "x").Err() // as if it had been a list
		}
		return nil
	}, l.deliveries()))
	if n := l.client.HLen(t.Context(), l.deliveries()).Val(); n != 1 || calls != 2 {
		t.Errorf("%d deliveries are left after %d calls", n, calls)
	}
}

// TestWhatCannotBeMovedIsAnError names the key.
func TestWhatCannotBeMovedIsAnError(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	must(t, admin.Do(t.Context(), "ACL", "SETUSER", "u", "on", ">pw", "~*", "+@all", "-renamenx").Err())
	must(t, admin.Set(t.Context(), "p:deliveries", "x", 0).Err())
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "u", Password: "pw"})
	t.Cleanup(func() { _ = client.Close() })
	l := New(client, "p:", "here:1").MoveAside(func(f *ForeignError) { t.Errorf("moved aside: %v", f) })
	_, err := l.Deliveries(t.Context(), []int64{1})
	if !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "p:deliveries") {
		t.Errorf("%v", err)
	}
}
