package rotate

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// If the writer is lost, the deliveries of the last lookBack are looked for in MySQL,
	// mostRecent at most.
	lookBack   = time.Minute
	mostRecent = 1000
	// looksForRecent is how many looks in a row may fail before the run stops looking.
	looksForRecent = 5
)

// recent are the last tokens that were delivered. If the writer is lost, MySQL may have
// failed over to a replica that does not have them.
type recent struct {
	epoch  atomic.Int64 // of the writer that is open, or was last
	tokens []recentToken
	unsure []recentToken // to be looked for: an earlier writer wrote them
	failed int           // looks for them in a row
	lookAt time.Time     // the next one
}

type recentToken struct {
	planned
	digest secret.Text
	at     time.Time
}

// add notes a delivery. Its push may have begun before the writer was lost.
func (r *recent) add(t *token) {
	one := recentToken{t.planned, t.digest, time.Now()}
	if t.epoch != int(r.epoch.Load()) {
		r.unsure = append(r.unsure, one)
		return
	}
	r.keep(one)
}

func (r *recent) keep(one recentToken) {
	if len(r.tokens) >= 2*mostRecent {
		r.tokens = append(r.tokens[:0], r.tokens[mostRecent:]...)
	}
	r.tokens = append(r.tokens, one)
}

// doubt marks the recent deliveries as unsure.
func (r *recent) doubt(now time.Time) {
	for _, t := range r.tokens {
		if now.Sub(t.at) <= lookBack {
			r.unsure = append(r.unsure, t)
		}
	}
	r.tokens, r.failed = nil, 0
}

// pending is true while deliveries must still be looked for.
func (r *recent) pending() bool { return len(r.unsure) > 0 && r.failed < looksForRecent }

// all are the last deliveries, sure or not.
func (r *recent) all() []recentToken { return slices.Concat(r.tokens, r.unsure) }

// due is true if a look should begin now.
func (r *recent) due(now time.Time) bool {
	return r.pending() && !now.Before(r.lookAt)
}

// writerOpened doubts the last deliveries if another writer was open before. The
// tokens in hand are looked for when they are pushed.
func (e *engine) writerOpened() {
	before := e.results.recent.epoch.Swap(int64(e.mint.epoch))
	if before != 0 && before != int64(e.mint.epoch) {
		e.results.recent.doubt(time.Now())
	}
}

// lookForRecent looks for deliveries that MySQL may have lost, and mints new tokens for the
// lost ones.
func (e *engine) lookForRecent(ctx context.Context, now time.Time) {
	r := &e.results.recent
	if e.work.searching || !r.due(now) {
		return
	}
	sought := r.unsure
	r.unsure = nil
	digests := make([]secret.Text, len(sought))
	for i, t := range sought {
		digests[i] = t.digest
	}
	var missing []int
	e.work.searching = true
	e.async(func() (err error) {
		missing, err = e.o.Tokens.Missing(ctx, digests)
		return err
	}, func(err error) {
		e.work.searching = false
		if err != nil {
			r.unsure = append(sought, r.unsure...)
			r.failed, r.lookAt = r.failed+1, time.Now().Add(firstWait)
			return
		}
		r.failed = 0
		if len(missing) > 0 {
			e.run.Log.Error("MySQL has lost tokens that were delivered: a failover, or a restore. Minting them anew",
				"tenants", len(missing), "of", len(sought))
		}
		e.remint(sought, missing)
	})
}

// remint mints new tokens for the tenants whose tokens are missing. missing has their
// indices in sought.
func (e *engine) remint(sought []recentToken, missing []int) {
	for i, t := range sought {
		if len(missing) > 0 && missing[0] == i {
			missing = missing[1:]
			e.tally.undeliver()
			e.again(t.planned)
			continue
		}
		e.results.recent.keep(t)
	}
}
