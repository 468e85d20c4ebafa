package rotate

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

// watch notices when MySQL has lost delivered tokens, by a failover to a replica that lagged,
// a restore, or an administrator. While nothing is lost, a look costs two short
// statements.
type watch struct {
	server db.Identity // at the last look; one look is at work at a time

	mu       sync.Mutex    // never held while a server is asked
	last     []recentToken // the last deliveries of this process
	next     int           // of them, to be looked for
	suspects bool          // a comparison is due
	noticed  time.Time     // when the last comparison ended
	// unmended are tenants whose token was lost and not yet replaced, with the time at
	// which that was noticed.
	unmended map[int64]time.Time
}

// watched is how many of the last deliveries are looked for.
const watched = 100

// delivered takes over the last deliveries of a run.
func (w *watch) delivered(tokens []recentToken) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(tokens) > 0 {
		w.last = slices.Clone(tokens[max(0, len(tokens)-watched):])
	}
}

// sought returns the deliveries to look for: all of them, or the next one.
func (w *watch) sought(all bool) []recentToken {
	w.mu.Lock()
	defer w.mu.Unlock()
	if all || len(w.last) == 0 {
		return slices.Clone(w.last)
	}
	w.next = (w.next + 1) % len(w.last)
	return []recentToken{w.last[w.next]}
}

func (w *watch) suspect() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspects = true
}

// leave notes that tenants were not served again.
func (w *watch) leave(tenants []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspects = true
	if w.unmended == nil {
		w.unmended = map[int64]time.Time{}
	}
	for _, id := range tenants {
		if w.unmended[id].IsZero() {
			w.unmended[id] = w.noticed
		}
	}
}

func (w *watch) left() map[int64]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.unmended)
}

func (w *watch) suspicious() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.suspects
}

// compared ends a suspicion, and drops the deliveries that are lost. The caller knows the
// tenants that were not mended.
func (w *watch) compared(gone []int64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.suspects, w.unmended, w.noticed = false, nil, now
	w.last = slices.DeleteFunc(w.last, func(t recentToken) bool { return slices.Contains(gone, t.tenant.ID) })
}
