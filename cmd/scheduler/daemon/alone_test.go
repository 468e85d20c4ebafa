package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

var errRedis = errors.New("no answer in time")

// redis is a Redis that does what a test says with the leader's lease.
type redis func(ctx context.Context) (tasks.Lease, error)

func (r redis) Acquire(ctx context.Context, _ string) (tasks.Lease, error) { return r(ctx) }

// recorded is a record whose last full rotation was at a time. It may not be readable.
type recorded struct{ complete, unreadable atomic.Int64 }

func (r *recorded) Tasks(context.Context, ...string) (map[string]ledger.Task, error) {
	if r.unreadable.Load() != 0 {
		return nil, errRedis
	}
	known := map[string]ledger.Task{}
	if at := r.complete.Load(); at != 0 {
		known[tasks.Rotate] = ledger.Task{Complete: time.Unix(at, 0)}
	}
	return known, nil
}

// lone is a daemon whose rotations alone are counted.
type lone struct {
	*Daemon
	alone  atomic.Int64
	record recorded
	drain  chan struct{}
	ended  chan struct{}
}

func newLone(t *testing.T, rotate tasks.Task, leases redis) *lone {
	t.Helper()
	l := &lone{drain: make(chan struct{}), ended: make(chan struct{})}
	l.Daemon = newTestDaemon(t, rotate, deaf{tasks.Janitor, time.Second, 0, nil})
	l.o.Leases, l.o.Record, l.o.Beat = leases, &l.record, 10*time.Second // a day has many seconds
	l.Daemon.alone.Task = counting{tasks.Rotate, &l.alone}
	return l
}

func (l *lone) start(ctx context.Context) {
	go func() {
		defer close(l.ended)
		l.Run(ctx, l.drain)
	}()
}

func (l *lone) stop() {
	close(l.drain)
	<-l.ended
}

// TestTokensThatGrowOldAreRotatedAlone: whatever keeps a daemon from leading or its
// leader from rotating, it rotates alone between half a token's life and two thirds of
// it, and in each window from then on.
func TestTokensThatGrowOldAreRotatedAlone(t *testing.T) {
	calls, well := 0, deaf{tasks.Rotate, time.Second, 1, nil}
	for name, c := range map[string]struct {
		rotate deaf
		leases redis
	}{
		"Redis away": {well, func(context.Context) (tasks.Lease, error) { return nil, errRedis }},
		"Redis answers once in four minutes": {well, func(context.Context) (tasks.Lease, error) {
			if calls++; calls%24 == 0 {
				return nil, &locks.HeldError{}
			}
			return nil, errRedis
		}},
		"the lease is another program's": {well, func(context.Context) (tasks.Lease, error) { return nil, &locks.HeldError{} }},
		"the leader's ledger can't be used": {deaf{tasks.Rotate, time.Second, 0, errRedis}, func(ctx context.Context) (tasks.Lease, error) {
			return tasks.NoLeases{}.Acquire(ctx, "")
		}},
		"each leadership is lost": {deaf{tasks.Rotate, time.Minute, 0, locks.ErrLost}, func(ctx context.Context) (tasks.Lease, error) {
			ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, locks.ErrLost)
			context.AfterFunc(ctx, cancel)
			return tasks.NoLeases{}.Acquire(ctx, "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLone(t, c.rotate, c.leases)
				began := time.Now()
				l.record.complete.Store(began.Unix())
				l.rotate.known(ledger.Task{Complete: began, Success: began})
				l.start(t.Context())
				time.Sleep(12*time.Hour - time.Minute)
				if n := l.alone.Load(); n > 0 {
					t.Errorf("%d rotations alone while the tokens were young", n)
				}
				time.Sleep(4 * time.Hour)
				if n := l.alone.Load(); n < 3 || n > 5 {
					t.Errorf("%d rotations alone in the four hours that followed", n)
				}
				l.stop()
			})
		})
	}
}

// TestAStandbyLeavesAHealthyLeaderAlone: also if it can't read the record for a while,
// and if the leader's clock is ahead of its own. Without any record it waits for the
// first rotation.
func TestAStandbyLeavesAHealthyLeaderAlone(t *testing.T) {
	well := deaf{tasks.Rotate, time.Second, 1, nil}
	held := func(context.Context) (tasks.Lease, error) { return nil, &locks.HeldError{} }
	for name, ahead := range map[string]time.Duration{"same clock": 0, "its clock is ahead": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLone(t, well, held)
				l.start(t.Context())
				time.Sleep(20 * time.Minute) // the first rotation takes long
				for range 48 {
					l.record.complete.Store(time.Now().Add(ahead).Unix())
					l.record.unreadable.Store(0)
					time.Sleep(30 * time.Minute)
					l.record.unreadable.Store(1)
					time.Sleep(30 * time.Minute)
				}
				if n := l.alone.Load(); n > 0 || l.Role() != standsBy {
					t.Errorf("%d rotations alone, %s", n, l.Role())
				}
				l.stop()
			})
		})
	}
}

// TestARotationOnRecordEndsItsBeingAlone: one that another process has made.
func TestARotationOnRecordEndsItsBeingAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLone(t, deaf{tasks.Rotate, time.Second, 1, nil}, func(context.Context) (tasks.Lease, error) { return nil, &locks.HeldError{} })
		l.start(t.Context())
		time.Sleep(2 * time.Hour)
		if n := l.alone.Load(); n < 2 || l.Role() != withoutRedis {
			t.Errorf("%d rotations alone, %s", n, l.Role())
		}
		l.record.complete.Store(time.Now().Unix())
		time.Sleep(2 * time.Minute)
		before := l.alone.Load()
		time.Sleep(11 * time.Hour)
		if n := l.alone.Load(); n != before || l.Role() != standsBy {
			t.Errorf("%d rotations alone after another process has rotated, %s", n-before, l.Role())
		}
		l.stop()
	})
}

// TestShortLives: a daemon does not wait until tokens are dead.
func TestShortLives(t *testing.T) {
	for _, ttl := range []time.Duration{10 * time.Minute, time.Hour, 24 * time.Hour} {
		d := &Daemon{o: Options{TokenTTL: ttl}}
		if at := ttl/2 + max(d.patience(aloneAfter, 8), d.patience(aloneForSome, 4)); at > ttl*3/4 {
			t.Errorf("tokens that live for %s are rotated alone after %s", ttl, at)
		}
	}
}
