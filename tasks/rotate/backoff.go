package rotate

import (
	"math/rand/v2"
	"time"
)

const (
	firstWait   = time.Second
	longestWait = 30 * time.Second
)

// backOff is the wait after the nth failure in a row of a tenant's push, of a look at
// Zync or of a mint. It doubles each time. Half of it is random, so that what failed
// together is not tried again together.
func backOff(n int) time.Duration {
	wait := longestWait
	if n < 6 {
		wait = firstWait << max(0, n-1)
	}
	return wait/2 + rand.N(wait/2)
}
