package rotate

import (
	"math"
	"time"
)

const (
	// tripAfter is how many different tenants' first tries must fail, with no
	// success between them, before Zync counts as in trouble.
	tripAfter = 5
	// quickTries is how many fresh tokens are tried in quick succession while Zync says
	// that it is up. So this many tenants can fail alone at the beginning of a run without
	// delaying the others. Later tries come more and more slowly.
	quickTries   = 40
	quickEvery   = 200 * time.Millisecond
	slowEvery    = 5 * time.Second
	slowestEvery = time.Minute
	slowerBy     = 1.05
)

// health is what is known about Zync as a whole. It outlives a run, so that the next run in
// an outage does not mint again.
//
// Only a failure of a tenant's first try counts against Zync. Every delivery, and every
// refusal of a tenant's data, counts for it. In trouble nothing is minted, except one token
// at a time while /status/live says that Zync is up.
type health struct {
	failed map[int64]bool // tenants whose first tries failed since the last success
	since  time.Time      // of the trouble; zero while there is none
	reason string         // of the last failure
	said   time.Time      // when the log last said so

	alive  bool // by the last look at /status/live
	looks  int
	lookAt time.Time
	probed bool // a waiting token was tried since the last look

	tried int // fresh tokens, in this trouble
	tryAt time.Time
}

func newHealth() *health { return &health{failed: map[int64]bool{}} }

// troubled is true while Zync counts as in trouble.
func (h *health) troubled() bool { return !h.since.IsZero() }

// doubtful is true after a failure that no success has followed yet.
func (h *health) doubtful() bool { return len(h.failed) > 0 }

// answered notes that Zync gave an answer about a tenant, and returns true if that
// ends its trouble.
func (h *health) answered() (ended bool) {
	ended = h.troubled()
	if ended || h.doubtful() {
		*h = *newHealth()
	}
	return ended
}

// firstTryFailed notes that a tenant's first try failed, and returns true if Zync counts as
// in trouble from now on. retryAfter is what Zync asked for.
func (h *health) firstTryFailed(tenant int64, reason string, now time.Time, retryAfter time.Duration) (began bool) {
	h.failed[tenant] = true
	h.reason = reason
	if h.troubled() {
		h.lookAt = later(h.lookAt, now.Add(retryAfter))
		return false
	}
	if len(h.failed) < tripAfter {
		return false
	}
	h.since, h.said, h.lookAt = now, now, now.Add(retryAfter)
	return true
}

// mayLook is true if it is time to ask /status/live.
func (h *health) mayLook(now time.Time) bool { return h.troubled() && !now.Before(h.lookAt) }

// looked notes what /status/live said, and returns true if Zync is up.
func (h *health) looked(err error, now time.Time) (alive bool) {
	h.alive = err == nil
	h.probed = false
	h.looks++
	h.lookAt = now.Add(backOff(h.looks))
	if err != nil {
		h.reason = err.Error()
	}
	return h.alive
}

// mayTryFresh is true if a fresh token may be tried during the trouble.
func (h *health) mayTryFresh(now time.Time) bool { return h.alive && !now.Before(h.tryAt) }

// tryingFresh notes that a fresh token is tried.
func (h *health) tryingFresh(now time.Time) {
	h.tried++
	h.tryAt = now.Add(tryEvery(h.tried))
}

// notAsked undoes the note of a try, because the token was not pushed.
func (h *health) notAsked() {
	h.probed = false
	if h.tried > 0 {
		h.tried--
		h.tryAt = time.Time{}
	}
}

// tryEvery is the time from the nth try of a fresh token to the next. There are about fifty
// tries in the first minute, and a few hundred in some hours.
func tryEvery(n int) time.Duration {
	if n < quickTries {
		return quickEvery
	}
	slow := float64(slowEvery) * math.Pow(slowerBy, float64(n-quickTries))
	return time.Duration(min(slow, float64(slowestEvery)))
}

// wakeAt returns when the loop must act on the trouble next.
func (h *health) wakeAt() time.Time {
	if !h.troubled() {
		return time.Time{}
	}
	if h.alive && h.tryAt.Before(h.lookAt) {
		return h.tryAt
	}
	return h.lookAt
}

// lasts is how long Zync has been in trouble.
func (h *health) lasts(now time.Time) time.Duration {
	if !h.troubled() {
		return 0
	}
	return now.Sub(h.since)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
