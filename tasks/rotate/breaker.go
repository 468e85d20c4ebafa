package rotate

import (
	"math/rand/v2"
	"time"
)

const (
	// tripAfter failures for the moment, with no other answer between them, say
	// that Zync is in trouble and not the one or other tenant.
	tripAfter = 3
	firstWait = time.Second
	// longestWait is between two tries of a tenant's token, and between two looks
	// at a Zync that is away.
	longestWait = 30 * time.Second
)

// breaker stands between minting and a Zync that fails. While it is open
// nothing is minted, and one push at a time finds out whether Zync is back.
type breaker struct {
	failures int            // for the moment, in a row
	tenants  map[int64]bool // whose failures they are
	open     bool
	since    time.Time // when it opened
	said     time.Time // when the log last said so
	looks    int       // how often Zync was looked at while open
	lookAt   time.Time // when to look next
}

// answered notes that Zync gave an answer that was about the tenant.
func (b *breaker) answered() (closed bool) {
	closed = b.open
	*b = breaker{}
	return closed
}

// failed notes a tenant's failure for the moment and tells whether that opened
// it. While there is more to mint any failures in a row do; at the end, when the
// tenants that are left may be those in trouble, it takes several tenants'.
func (b *breaker) failed(tenant int64, more bool, now time.Time, retryAfter time.Duration) (opened bool) {
	b.failures++
	if b.tenants == nil {
		b.tenants = map[int64]bool{}
	}
	b.tenants[tenant] = true
	if !b.open && (b.failures < tripAfter || (!more && len(b.tenants) < tripAfter)) {
		return false
	}
	if !b.open {
		opened, b.open, b.since, b.said = true, true, now, now
	}
	b.lookAgain(now, retryAfter)
	return opened
}

// lookAgain sets the time of the next look.
func (b *breaker) lookAgain(now time.Time, retryAfter time.Duration) {
	b.looks++
	b.lookAt = now.Add(max(backOff(b.looks), retryAfter))
}

// backOff is the wait after the nth failure in a row: it doubles, and half of it
// is chance, so that what failed together does not come back together.
func backOff(n int) time.Duration {
	wait := longestWait
	if n < 6 {
		wait = firstWait << (n - 1)
	}
	return wait/2 + rand.N(wait/2)
}
