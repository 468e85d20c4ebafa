package rotate

import (
	"container/heap"
	"slices"
	"time"
)

// queue holds the tokens in hand that wait for a push. First come those that
// failed for the moment and are due again, then fresh ones, and last those that
// ran into the time-out: a tenant that hangs holds up no other.
type queue struct {
	fresh []*token
	again waiting
	slow  waiting
}

func (q *queue) add(tokens ...*token) { q.fresh = append(q.fresh, tokens...) }

// putBack takes a token whose push failed for the moment.
func (q *queue) putBack(t *token) {
	if t.slow {
		heap.Push(&q.slow, t)
		return
	}
	heap.Push(&q.again, t)
}

// next returns the token to be pushed at now without taking it; nil where none
// is due.
func (q *queue) next(now time.Time) *token {
	switch {
	case q.again.due(now):
		return q.again[0]
	case len(q.fresh) > 0:
		return q.fresh[0]
	case q.slow.due(now):
		return q.slow[0]
	}
	return nil
}

// probe returns the token with which to find out whether Zync is back: a fresh
// one, which no tenant's own trouble has delayed yet, else the one that has
// waited longest.
func (q *queue) probe() *token {
	switch {
	case len(q.fresh) > 0:
		return q.fresh[0]
	case len(q.again) > 0:
		return q.again[0]
	case len(q.slow) > 0:
		return q.slow[0]
	}
	return nil
}

// take removes the token, which next or probe returned.
func (q *queue) take(t *token) {
	switch {
	case len(q.fresh) > 0 && q.fresh[0] == t:
		q.fresh[0] = nil
		q.fresh = q.fresh[1:]
	case len(q.again) > 0 && q.again[0] == t:
		heap.Pop(&q.again)
	case len(q.slow) > 0 && q.slow[0] == t:
		heap.Pop(&q.slow)
	}
}

// wakeAt is when the next waiting token becomes due; zero where none waits.
func (q *queue) wakeAt() time.Time {
	var at time.Time
	for _, w := range [...]waiting{q.again, q.slow} {
		if len(w) > 0 && (at.IsZero() || w[0].notBefore.Before(at)) {
			at = w[0].notBefore
		}
	}
	return at
}

// release makes every waiting token due at now, after an outage that was none of
// their tenants' doing.
func (q *queue) release(now time.Time) {
	all := slices.Concat(q.again, q.slow)
	q.slow = nil
	for _, t := range all {
		t.notBefore, t.slow = now, false
	}
	q.again = all
	heap.Init(&q.again)
}

// drain takes every token.
func (q *queue) drain() []*token {
	all := slices.Concat(q.fresh, q.again, q.slow)
	*q = queue{}
	return all
}

// ahead is how many tokens will go out before any that is minted now.
func (q *queue) ahead(now time.Time) int {
	n := len(q.fresh)
	if q.again.due(now) {
		n += len(q.again)
	}
	return n
}

func (q *queue) len() int { return len(q.fresh) + len(q.again) + len(q.slow) }

// waiting is a heap of tokens by the time when they may be pushed again.
type waiting []*token

func (w waiting) due(now time.Time) bool { return len(w) > 0 && !w[0].notBefore.After(now) }

func (w waiting) Len() int           { return len(w) }
func (w waiting) Less(i, j int) bool { return w[i].notBefore.Before(w[j].notBefore) }
func (w waiting) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiting) Push(x any)        { *w = append(*w, x.(*token)) }
func (w *waiting) Pop() any {
	old := *w
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return last
}
