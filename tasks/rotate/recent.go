package rotate

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// A delivery is looked for again, should the writer be lost, for lookBack, and
	// the last mostRecent of them.
	lookBack   = time.Minute
	mostRecent = 1000
)

// recent are the last tokens that were delivered. If the writer is lost, MySQL may
// have failed over to a replica that never saw them.
type recent struct {
	epoch  atomic.Int64 // of the writer that is open, or was last
	tokens []recentToken
}

type recentToken struct {
	planned
	digest secret.Text
	at     time.Time
}

func (r *recent) add(t *token) {
	now := time.Now()
	if len(r.tokens) >= 2*mostRecent {
		r.tokens = append(r.tokens[:0], r.tokens[mostRecent:]...)
	}
	r.tokens = append(r.tokens, recentToken{t.planned, t.digest, now})
}

// take returns those of the last time, and forgets all.
func (r *recent) take(now time.Time) []recentToken {
	var last []recentToken
	for _, t := range r.tokens {
		if now.Sub(t.at) <= lookBack {
			last = append(last, t)
		}
	}
	r.tokens = nil
	return last
}

// writerOpened looks for the last deliveries if another writer was open before. The
// tokens in hand are looked for when they are pushed.
func (e *engine) writerOpened(ctx context.Context) {
	before := e.results.recent.epoch.Swap(int64(e.mint.epoch))
	if before == 0 || before == int64(e.mint.epoch) {
		return
	}
	last := e.results.recent.take(time.Now())
	if len(last) == 0 {
		return
	}
	digests := make([]secret.Text, len(last))
	for i, t := range last {
		digests[i] = t.digest
	}
	var missing []int
	e.work.looking = true
	e.async(func() (err error) {
		missing, err = e.o.Missing(ctx, digests)
		return err
	}, func(err error) {
		e.work.looking = false
		if err != nil {
			e.results.recent.tokens = append(last, e.results.recent.tokens...)
			e.results.recent.epoch.Store(before) // look again when the writer is used next
			return
		}
		for _, i := range missing {
			e.tally.undeliver()
			e.again(last[i].planned)
		}
		if len(missing) > 0 {
			e.run.Log.Error("MySQL has lost tokens that were delivered: a failover, or a restore. Minting them anew",
				"tenants", len(missing), "of", len(last))
		}
	})
}
