package rotate

import (
	"container/heap"
	"slices"
	"time"
)

// hand holds the minted tokens that wait for a push: fresh ones, and those that are tried
// again.
type hand struct {
	fresh []*token
	again waiting
}

func (h *hand) add(tokens ...*token) { h.fresh = append(h.fresh, tokens...) }

// putBack takes a token that is to be pushed again, at its time notBefore.
func (h *hand) putBack(t *token) { heap.Push(&h.again, t) }

// nextFresh returns the next fresh token without taking it; nil if there is none.
func (h *hand) nextFresh() *token {
	if len(h.fresh) == 0 {
		return nil
	}
	return h.fresh[0]
}

// nextAgain returns the token that has been due for a retry for the longest time, without
// taking it. It returns nil if none is due.
func (h *hand) nextAgain(now time.Time) *token {
	if len(h.again) == 0 || h.again[0].notBefore.After(now) {
		return nil
	}
	return h.again[0]
}

// oldest returns the token whose retry comes first, due or not, without taking it. It
// returns nil if none waits.
func (h *hand) oldest() *token {
	if len(h.again) == 0 {
		return nil
	}
	return h.again[0]
}

// take removes a token that one of the methods above returned.
func (h *hand) take(t *token) {
	switch {
	case len(h.fresh) > 0 && h.fresh[0] == t:
		h.fresh[0] = nil
		h.fresh = h.fresh[1:]
	case len(h.again) > 0 && h.again[0] == t:
		heap.Pop(&h.again)
	}
}

// wakeAt returns when the next waiting token is due; zero if none waits.
func (h *hand) wakeAt() time.Time {
	if len(h.again) == 0 {
		return time.Time{}
	}
	return h.again[0].notBefore
}

// release makes every waiting token due and resets its tries, because Zync failed and not
// the tenants.
func (h *hand) release(now time.Time) {
	for _, t := range h.again {
		if !t.confirm {
			t.notBefore, t.firstFail = now, now
			t.forgiveTries()
		}
	}
	heap.Init(&h.again)
}

// expire removes and returns the waiting tokens that have had their tries.
func (h *hand) expire(over func(*token) bool) []*token {
	var expired []*token
	h.again = slices.DeleteFunc(h.again, func(t *token) bool {
		if !over(t) {
			return false
		}
		expired = append(expired, t)
		return true
	})
	if len(expired) > 0 {
		heap.Init(&h.again)
	}
	return expired
}

// drain removes and returns every token, the fresh ones first.
func (h *hand) drain() []*token {
	all := slices.Concat(h.fresh, []*token(h.again))
	*h = hand{}
	return all
}

// failing is how many tenants in hand have failed. It is an upper bound for tenants
// whose tokens are to be confirmed.
func (h *hand) failing() int { return len(h.again) }

func (h *hand) len() int { return len(h.fresh) + len(h.again) }

// waiting is a heap of tokens by the time of their next push.
type waiting []*token

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
