package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// TestSimulation runs weeks of trouble in virtual time. A seed decides what happens in a
// week. The variable WEEKS sets how many there are. SEED=n repeats week n alone, and
// VERBOSE=1 prints its log.
func TestSimulation(t *testing.T) {
	weeks := fromEnv(t, "WEEKS", 30)
	if seed := os.Getenv("SEED"); seed != "" {
		stats := simulate(t, uint64(fromEnv(t, "SEED", 0)))
		t.Logf("seed %s: %v", seed, stats)
		return
	}
	began := time.Now()
	seeds := make(chan uint64)
	var mu sync.Mutex
	total := map[string]int{}
	t.Run("weeks", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed := range seeds {
					stats := simulate(t, seed)
					mu.Lock()
					for what, n := range stats {
						total[what] += n
					}
					mu.Unlock()
				}
			})
		}
		go func() {
			defer close(seeds)
			for seed := range weeks {
				seeds <- uint64(seed) + 1
			}
		}()
	})
	t.Logf("%d weeks in %s: %s", weeks, time.Since(began).Round(time.Second), list(total))
	for what, kind := range troubles {
		if weeks >= 60 && total[kind.name] == 0 {
			t.Errorf("%d: %s never happened", what, kind.name)
		}
	}
}

func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s is not a number", name, text)
	}
	return n
}

func list(stats map[string]int) string {
	var parts []string
	for what, n := range stats {
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	slices.SortFunc(parts, func(a, b string) int {
		_, a, _ = strings.Cut(a, " ")
		_, b, _ = strings.Cut(b, " ")
		return strings.Compare(a, b)
	})
	return strings.Join(parts, ", ")
}

// simulate runs one week, and returns how often each thing happened.
func simulate(t *testing.T, seed uint64) map[string]int {
	t.Helper()
	var w *simWorld
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		w = newSimWorld(seed, tenantsOf(seed), simWeek)
		w.install()
		w.serving, w.placing = w.chance.IntN(2) == 0, w.chance.IntN(2) == 0
		w.procs = []*simProc{w.boot(0), w.boot(0)}
		w.live(7 * 24 * time.Hour)
		for _, p := range w.procs {
			p.end(false)
		}
		time.Sleep(2 * time.Minute) // echoes
		w.checkLease()
	})
	if len(w.problems) > 0 {
		t.Fatalf("SEED=%d, which replays these troubles:\n%s\nand then\n%s", seed,
			strings.Join(w.events[max(0, len(w.events)-12):], "\n"), strings.Join(w.problems, "\n"))
	}
	return w.stats
}

// tenantsOf is how many tenants a week has. One week in twenty has many.
func tenantsOf(seed uint64) int {
	if seed%20 == 7 {
		return 300
	}
	return 6
}

// install chooses when the week begins, and gives each tenant a token of Porta's. One
// week in four begins shortly before a purge, with a Zync that is away. Half of the
// first tokens expire in 20 hours, the others never.
func (w *simWorld) install() {
	const week = 7 * 24 * time.Hour
	sunday := mustParse("0 0 * * 0").Next(time.Now())
	if w.chance.IntN(4) == 0 {
		time.Sleep(time.Until(sunday.Add(-w.upTo(2 * time.Hour))))
		w.disturb(w.weather(w.zync.Server, sim.Weather{Down: errRefused}, w.upTo(8*time.Hour)))
	} else {
		time.Sleep(time.Duration(w.chance.Int64N(int64(week))))
		w.disturb(0)
	}
	w.start = time.Now()
	for _, id := range w.porta.Tenants() {
		w.known[id] = w.start
		digest, life := fmt.Sprintf("first-%d", id), 20*time.Hour
		if id%2 == 0 {
			life = 0
		}
		w.porta.Mint(id, digest, life)
		w.zync.Take(id, digest)
	}
}

// live runs the world for a time. Troubles come about every three hours. Each minute it
// looks at the run lease, and every ten minutes at the tokens.
func (w *simWorld) live(d time.Duration) {
	end := time.Now().Add(d)
	next := time.Now().Add(w.until(3 * time.Hour))
	for time.Now().Before(end) && len(w.problems) == 0 {
		step := min(time.Minute-time.Duration(time.Now().UnixNano()%int64(time.Minute)), time.Until(next))
		time.Sleep(max(step, time.Second))
		synctest.Wait()
		w.sample()
		w.ask()
		if time.Now().Minute()%10 == 0 {
			w.check()
		}
		if now := time.Now(); now.Minute() == 50 && now.Second() == 0 {
			w.checkWindow(now.Truncate(time.Hour))
			w.forget(now.Add(-2 * time.Hour))
		}
		if !time.Now().Before(next) {
			kind := troubles[w.chance.IntN(len(troubles))]
			if w.leastLife() > kind.needs {
				w.count(kind.name)
				lasts := kind.happen(w)
				w.disturb(lasts)
				w.upsetFor(kind.name, lasts)
				w.events = append(w.events, fmt.Sprintf("%s: %s for %s", time.Since(w.start).Round(time.Second), kind.name, lasts.Round(time.Second)))
			}
			next = time.Now().Add(w.until(3 * time.Hour))
		}
	}
}
