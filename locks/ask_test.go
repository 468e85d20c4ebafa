package locks_test

import (
	"errors"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestAsk: a holder learns within two seconds that another process asks for its lease.
// A second process that asks is told about the first. All ends with the request.
func TestAsk(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	prefix := "token-scheduler:{" + t.Name() + "}:"
	daemon, hand := locks.New(client, prefix, life, "daemon"), locks.New(client, prefix, life, "hand")
	run, err := daemon.Acquire(t.Context(), "run:rotate")
	must(t, err)
	select {
	case <-run.Wanted():
		t.Fatal("wanted by nobody")
	case <-time.After(1500 * time.Millisecond):
	}
	asking, err := hand.Ask(t.Context(), "run:rotate")
	must(t, err)
	asked := time.Now()
	var held *locks.HeldError
	if _, err := hand.As("other hand").Ask(t.Context(), "run:rotate"); !errors.As(err, &held) || held.Holder != "hand" {
		t.Errorf("error %v of a second request", err)
	}
	<-run.Wanted()
	if took := time.Since(asked); took > 2*time.Second {
		t.Errorf("known after %s", took)
	}
	must(t, run.Release())
	byHand, err := hand.Acquire(t.Context(), "run:rotate")
	must(t, err)
	time.Sleep(2 * life) // it is kept
	if wanted, err := daemon.Wanted(t.Context(), "run:rotate"); err != nil || !wanted {
		t.Errorf("wanted %t, %v while a run by hand is at work", wanted, err)
	}
	must(t, byHand.Release())
	must(t, asking.Release())
	if wanted, err := daemon.Wanted(t.Context(), "run:rotate"); err != nil || wanted {
		t.Errorf("wanted %t, %v after its end", wanted, err)
	}
}

// TestRequestThatNobodyEnds: a request that never expires, or is of another type, does
// not block anybody for long.
func TestRequestThatNobodyEnds(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	prefix := "token-scheduler:{" + t.Name() + "}:"
	locker := locks.New(client, prefix, life, "daemon")
	must(t, client.Set(t.Context(), prefix+"run:rotate:wanted", "x", 0).Err())
	eventually(t, func() bool {
		wanted, err := locker.Wanted(t.Context(), "run:rotate")
		return err == nil && !wanted
	})
	must(t, client.RPush(t.Context(), prefix+"run:rotate:wanted", "x").Err())
	if wanted, err := locker.Wanted(t.Context(), "run:rotate"); err != nil || wanted {
		t.Errorf("wanted %t by a list, %v", wanted, err)
	}
}
