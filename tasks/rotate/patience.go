package rotate

import "time"

const (
	// The time limit of a tenant's first push is between leastPatience and mostPatience
	// times the usual time of a push. A push that hangs is tried again later, with the whole
	// time-out. So at first it holds a worker for a moment only.
	leastPatience, mostPatience = 2.5, 20
	// lostToPatience limits the time of first pushes that are given up, as a part of the
	// time of the others. The more are given up, the shorter is the patience.
	lostToPatience = 0.2
	// usualPatience is the limit while the usual time of a push is not known. It is the
	// least limit while hardly any push is given up.
	usualPatience = 200 * time.Millisecond
	// repeatPatience is the limit for a tenant that failed in an earlier run.
	repeatPatience = 5 * time.Second
)

// patience knows how long pushes take lately, and what part of the first pushes is given up.
// It outlives a run.
type patience struct {
	mean  time.Duration // of a delivery; zero if none is known
	share float64       // of first pushes that were given up
}

// took notes a delivery. A slow one counts at once, so that the limit grows when Zync becomes
// slow for everyone.
func (p *patience) took(d time.Duration) {
	if p.mean == 0 {
		p.mean = d
	}
	p.mean = max(p.mean+(d-p.mean)/10, d/2)
}

// tried notes whether a first push was given up.
func (p *patience) tried(givenUp bool) {
	p.share *= 0.99
	if givenUp {
		p.share += 0.01
	}
}

// limit is the time limit of a first push.
func (p *patience) limit() time.Duration {
	longest := max(mostPatience*p.mean, usualPatience)
	if p.mean == 0 || p.share == 0 {
		return longest
	}
	mean := float64(p.mean)
	affordable := max(leastPatience*mean, lostToPatience*mean/p.share)
	return min(longest, time.Duration(affordable))
}
