package rotate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// pattern says which of n tenants fail alone, by their number from 1.
type pattern struct {
	name  string
	fails func(i, n int) bool
}

func inARow(length int) func(i, n int) bool {
	return func(i, n int) bool { return i > n/2 && i <= n/2+length }
}

func theFirst(length int) func(i, n int) bool { return func(i, _ int) bool { return i <= length } }

func every(step int) func(i, n int) bool { return func(i, _ int) bool { return i%step == step/2 } }

var patterns = []pattern{
	{"1", inARow(1)}, {"3 in a row", inARow(3)}, {"6 in a row", inARow(6)}, {"40 in a row", inARow(40)},
	{"the first 6", theFirst(6)}, {"the first 40", theFirst(40)},
	{"1 % spread", every(100)}, {"5 % spread", every(20)}, {"20 % spread", every(5)},
}

// modes say how the failing tenants fail.
var modes = []struct {
	name   string
	answer func(i int) int
}{
	{"500", func(int) int { return 500 }},
	{"hanging", func(int) int { return sim.Hang }},
	{"alternating", func(i int) int { return []int{500, sim.Hang}[i%2] }},
}

// lastHealthy runs one rotation of n tenants, 15 ms a push, and returns when the
// last healthy tenant was served, how many were not, and
// the run's error.
func lastHealthy(t *testing.T, n int, fails func(i int) bool, answer func(i int) int) (last time.Duration, unserved int, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, n)
		w.zync.Set(sim.Weather{Latency: 15 * time.Millisecond})
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour))) // a window's start
		began, served := time.Now(), map[int64]bool{}
		w.zync.OnStore(func(tenant int64, _ string, _ bool) {
			if !served[tenant] {
				served[tenant] = true
				last = time.Since(began)
			}
		})
		w.zync.Answer(func(tenant int64) int {
			if fails(int(tenant)) {
				return answer(int(tenant))
			}
			return 0
		})
		_, err = w.run(nil)
		for i := 1; i <= n; i++ {
			if !fails(i) && !served[int64(i)] {
				unserved++
			}
		}
	})
	return last, unserved, err
}

// TestTroubleOfSomeIsNobodyElses: whoever fails alone, and however, the others are
// served about as fast as without. SIZES=200,2000,20000 runs the whole table.
func TestTroubleOfSomeIsNobodyElses(t *testing.T) {
	sizes := "200,2000"
	if s := os.Getenv("SIZES"); s != "" {
		sizes = s
	}
	for text := range strings.SplitSeq(sizes, ",") {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
		without, _, _ := lastHealthy(t, n, func(int) bool { return false }, nil)
		t.Logf("%6d tenants, none fails: %s", n, without.Round(10*time.Millisecond))
		limit := without*13/10 + 10*time.Second
		for _, mode := range modes {
			for _, p := range patterns {
				t.Run(fmt.Sprintf("%d tenants, %s, %s", n, p.name, mode.name), func(t *testing.T) {
					last, unserved, err := lastHealthy(t, n, func(i int) bool { return p.fails(i, n) }, mode.answer)
					t.Logf("%6d tenants, %-12s %-11s last healthy delivery %8s, %.2f of the time without", n, p.name, mode.name,
						last.Round(10*time.Millisecond), float64(last)/float64(without))
					if unserved > 0 || last > limit || err != nil {
						t.Errorf("%d healthy tenants not served, the last after %s, want all within %s; error %v", unserved, last, limit, err)
					}
				})
			}
		}
	}
}
