package rotate

import "time"

const (
	// A tenant's first push is waited for this many times as long as pushes take
	// lately, and not less than leastPatience; then it is tried again at the end
	// of the run, with all the time there is. So one that hangs holds a connection
	// for a moment and not for the whole time-out.
	patienceFactor = 20
	leastPatience  = 100 * time.Millisecond
	// patienceAfter deliveries it is known how long they take.
	patienceAfter = 20
)

// patience knows how long pushes take lately.
type patience struct {
	seen int
	mean time.Duration
}

// took notes how long a delivery took. One that took long counts at once, so that
// a Zync that slows down for everyone is waited for.
func (p *patience) took(d time.Duration) {
	p.seen++
	p.mean = max(p.mean+(d-p.mean)/10, d/2)
}

// limit is how long a first push is waited for; zero is as long as any.
func (p *patience) limit() time.Duration {
	if p.seen < patienceAfter {
		return 0
	}
	return max(patienceFactor*p.mean, leastPatience)
}
