package main

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// begin starts a world with four tenants and some schedulers.
func begin(t *testing.T, procs int, times simTimes) *simWorld {
	t.Helper()
	w := newSimWorld(1, 4, times)
	w.install()
	for range procs {
		w.procs = append(w.procs, w.boot(0))
	}
	return w
}

func (w *simWorld) close(t *testing.T) {
	t.Helper()
	for _, p := range w.procs {
		p.end(false)
	}
	time.Sleep(2 * time.Minute)
	for _, problem := range w.problems {
		t.Error(problem)
	}
}

// TestRedisAwayForTwoDays: while the tokens are young, nobody rotates. After half of
// their life a daemon rotates each hour under MySQL's lock alone. When Redis is back, a
// leader does it again.
func TestRedisAwayForTwoDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 2, simWeek)
		w.zync.Set(fair)
		time.Sleep(3 * time.Hour)
		w.redis.Refuse(errRefused)
		away := time.Now()
		pushes := w.zync.Pushes()
		time.Sleep(11 * time.Hour)
		if got := w.zync.Pushes(); got != pushes {
			t.Errorf("%d pushes while the tokens were young", got-pushes)
		}
		for time.Since(away) < 48*time.Hour {
			time.Sleep(time.Hour)
			w.check()
		}
		if got := w.zync.Pushes() - pushes; got < 30*4 {
			t.Errorf("%d pushes to 4 tenants in the 36 hours that followed", got)
		}
		w.redis.Heal()
		time.Sleep(3 * time.Hour)
		w.disturb(0)
		w.trouble = time.Now().Add(-3 * time.Hour)
		w.checkWindow(time.Now().Add(-time.Hour).Truncate(time.Hour))
		if w.stats["quiet windows"] != 1 {
			t.Error("the last window was not looked at")
		}
		w.close(t)
	})
}

// TestLeaderWithAWrongClockStepsAside: MySQL refuses each rotation of such a leader. It
// must step aside, or the standby could not rotate either.
func TestLeaderWithAWrongClockStepsAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 1, simWeek)
		w.zync.Set(fair)
		w.setClock(w.procs[0], 20*time.Hour)
		time.Sleep(10 * time.Minute)
		w.procs = append(w.procs, w.boot(0))
		pushes := w.zync.Pushes()
		time.Sleep(3 * time.Hour)
		if got := w.zync.Pushes() - pushes; got < 8 {
			t.Errorf("%d pushes to 4 tenants in three hours beside a leader that can't", got)
		}
		w.close(t)
	})
}

// TestThousandsOfWindowsLeaveNothing: after 3,000 rotations the daemon has no more
// goroutines and no more memory than after 500.
func TestThousandsOfWindowsLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin(t, 2, simTimes{10 * time.Second, time.Second, 15 * time.Second, "@every 1s", "@every 10s"})
		w.zync.Set(sim.Weather{})
		w.zync.Echo(0, nil) // an echo comes later than these tokens live
		measure := func(windows time.Duration) (goroutines int, heap uint64) {
			time.Sleep(windows * time.Second)
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			w.forget(time.Now())
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return runtime.NumGoroutine(), m.HeapAlloc
		}
		goroutines, heap := measure(500)
		pushes := w.zync.Pushes()
		laterGoroutines, laterHeap := measure(3000)
		if got := w.zync.Pushes() - pushes; got < 2900*4 {
			t.Errorf("%d pushes to 4 tenants in 3000 windows", got)
		}
		if laterGoroutines > goroutines+5 {
			t.Errorf("%d goroutines, %d before 3000 windows", laterGoroutines, goroutines)
		}
		if laterHeap > heap+1<<20 {
			t.Errorf("%d bytes of heap, %d before 3000 windows", laterHeap, heap)
		}
		w.close(t)
	})
}

// TestPlaceholdersWhileRedisIsAway: whether a gateway lives is not known then. A daemon
// that knows of placeholders gives everyone live tokens, however young the last run is.
// Once Redis is back, and a gateway carries, the next window's run pushes placeholders.
func TestPlaceholdersWhileRedisIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, with := beginPlacing(t)
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(65 * time.Minute)))
		w.redis.Refuse(errRefused)
		with.end(true)
		w.procs = w.procs[1:]
		time.Sleep(20 * time.Minute) // the lease, and five minutes
		w.holdsPlaceholders(0)
		w.serving = true
		w.redis.Heal()
		w.procs = append(w.procs, w.boot(0))
		time.Sleep(time.Minute)
		w.procs[1].gateway.Carry()
		time.Sleep(65 * time.Minute)
		w.holdsPlaceholders(4)
		w.close(t)
	})
}

// TestPlaceholdersBetweenTwoOutages: without Redis a daemon has served everyone in this
// window, and with Redis placeholders were pushed since. Alone again, it serves everyone
// again.
func TestPlaceholdersBetweenTwoOutages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, with := beginPlacing(t)
		at := func(minute time.Duration) {
			time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(minute * time.Minute)))
		}
		at(50)
		w.redis.Refuse(errRefused)
		at(60 + 20)
		w.holdsPlaceholders(0)
		w.redis.Heal()
		at(30)
		w.holdsPlaceholders(4)
		w.redis.Refuse(errRefused)
		with.end(true)
		w.procs = w.procs[1:]
		at(58)
		w.holdsPlaceholders(0)
		w.redis.Heal()
		w.close(t)
	})
}

// beginPlacing is a world of two schedulers, one of which serves a gateway that carries.
// Zync holds placeholders.
func beginPlacing(t *testing.T) (w *simWorld, with *simProc) {
	t.Helper()
	w = begin(t, 0, simWeek)
	w.zync.Set(fair)
	w.placing, w.serving = true, true
	with = w.boot(0)
	w.serving = false
	w.procs = []*simProc{with, w.boot(0)}
	time.Sleep(time.Minute)
	with.gateway.Carry()
	time.Sleep(70 * time.Minute)
	w.holdsPlaceholders(4)
	return w, with
}

// holdsPlaceholders checks for how many tenants Zync holds one.
func (w *simWorld) holdsPlaceholders(want int) {
	n := 0
	for _, id := range w.porta.Tenants() {
		if w.zync.Holds(id) == placeholderDigest {
			n++
		}
	}
	if n != want {
		w.problem("Zync holds %d placeholders, want %d", n, want)
	}
}
