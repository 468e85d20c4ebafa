package rotate

import "time"

const (
	// retryWorkers is the part of the workers that may push tokens again while
	// there are fresh ones: a third.
	retryWorkers = 3
	// retryTime is the part of the workers' time that failing tenants may take while there
	// are fresh tokens. It counts retries, and first tries that failed.
	retryTime = 0.15
)

// share limits what failing tenants take from the others while there are fresh tokens.
type share struct {
	began time.Time
	spent time.Duration // by workers, on failing tenants
	busy  int           // pushes tried again that are at work
}

// allows is true if a retry that may take this long may begin at now, with this number of
// workers.
func (s *share) allows(takes time.Duration, now time.Time, workers int) bool {
	all := float64(now.Sub(s.began)) * float64(workers)
	return s.busy < workers/retryWorkers && float64(s.spent+takes) <= retryTime*all
}
