package locks_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

func TestLeaseOnRedis(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	prefix := "token-scheduler:{" + t.Name() + "}:"
	locker := locks.New(client, prefix, time.Second, "me")
	lease, err := locker.Acquire(t.Context(), "leader")
	must(t, err)
	if _, err := locker.Acquire(t.Context(), "leader"); !errors.Is(err, locks.ErrHeld) {
		t.Fatalf("error %v, want ErrHeld", err)
	}
	holder, held, err := locks.Holder(t.Context(), client, prefix+"leader")
	must(t, err)
	if holder != "me" || !held {
		t.Errorf("holder %q, held %t", holder, held)
	}
	if _, held, err := locks.Holder(t.Context(), client, prefix+"run:x"); held || err != nil {
		t.Errorf("a lease that nobody has: held %t, %v", held, err)
	}
	time.Sleep(1500 * time.Millisecond) // longer than its life: it is kept
	if lease.Context().Err() != nil {
		t.Fatalf("the lease was lost: %v", context.Cause(lease.Context()))
	}
	must(t, lease.Release())
	must(t, lease.Release())
	if cause := context.Cause(lease.Context()); errors.Is(cause, locks.ErrLost) {
		t.Errorf("cause %v of a lease that was given up", cause)
	}
	next, err := locker.Acquire(t.Context(), "leader")
	must(t, err)
	must(t, client.Del(t.Context(), prefix+"leader").Err()) // Redis was flushed
	<-next.Context().Done()
	if cause := context.Cause(next.Context()); !errors.Is(cause, locks.ErrLost) {
		t.Errorf("cause %v, want ErrLost", cause)
	}
	must(t, next.Release())
}

// TestTrustEndsBeforeRedisGivesTheLeaseAway: whatever a refresh does, from the
// moment that the last good one began the lease is trusted for less than its life.
func TestTrustEndsBeforeRedisGivesTheLeaseAway(t *testing.T) {
	const life = 15 * time.Second
	for name, trouble := range map[string]func(*sim.Redis){
		"refused": func(r *sim.Redis) { r.Refuse(errors.New("connection refused")) },
		"hanging": func(r *sim.Redis) { r.Hang() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := sim.NewRedis()
				lease, err := locks.New(r, "p:", life, "").Acquire(t.Context(), "x")
				must(t, err)
				time.Sleep(7 * time.Minute)
				if lease.Context().Err() != nil {
					t.Fatal("a lease that is refreshed was lost")
				}
				trouble(r)
				<-lease.Context().Done()
				if left := r.TTL("p:x"); left <= 0 {
					t.Errorf("the work was told %s after Redis had given the lease away", -left)
				}
				if cause := context.Cause(lease.Context()); !errors.Is(cause, locks.ErrLost) {
					t.Errorf("cause %v, want ErrLost", cause)
				}
				r.Heal()
				must(t, lease.Release())
			})
		})
	}
}

// TestShortTroubleDoesNotLoseTheLease: a refresh that fails is tried again while
// there is time.
func TestShortTroubleDoesNotLoseTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sim.NewRedis()
		lease, err := locks.New(r, "p:", 15*time.Second, "").Acquire(t.Context(), "x")
		must(t, err)
		for range 20 {
			r.Refuse(errors.New("connection refused"))
			time.Sleep(5 * time.Second) // of the seven between a refresh that is due and the end of trust
			r.Heal()
			time.Sleep(6 * time.Second)
		}
		if lease.Context().Err() != nil {
			t.Errorf("lost: %v", context.Cause(lease.Context()))
		}
		must(t, lease.Release())
	})
}
