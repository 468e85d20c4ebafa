package rotate

import "time"

const (
	// retryWorkers is the part of the workers that may push tokens again while
	// there are fresh ones: a third.
	retryWorkers = 3
	// retryTime is the part of the workers' time that may go into tenants in trouble
	// while there are fresh tokens: into pushes tried again, and into first tries
	// that were waited for in vain.
	retryTime = 0.15
)

// share limits what tenants in trouble take from the others while there are fresh
// tokens to push.
type share struct {
	began time.Time
	spent time.Duration // by workers, on tenants in trouble
	busy  int           // pushes tried again that are at work
}

// allows is true if a push that may take so long may be tried again at now, with so
// many workers.
func (s *share) allows(takes time.Duration, now time.Time, workers int) bool {
	all := float64(now.Sub(s.began)) * float64(workers)
	return s.busy < workers/retryWorkers && float64(s.spent+takes) <= retryTime*all
}
