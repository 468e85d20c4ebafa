package rotate

import "time"

const (
	// A tenant's first push is waited for between leastPatience and mostPatience
	// times as long as pushes take lately. One that hangs is tried again later, with
	// all the time there is. So it holds a worker for a moment and not for the whole
	// time-out.
	leastPatience, mostPatience = 2.5, 20
	// lostToPatience is the time that first pushes which are given up may take,
	// against that of the others: the more of them, the shorter the patience.
	lostToPatience = 0.2
	// usualPatience is the limit while it is not known how long pushes take, and the
	// least while hardly any is given up.
	usualPatience = 200 * time.Millisecond
	// repeatPatience is the limit for a tenant that failed in an earlier run.
	repeatPatience = 5 * time.Second
)

// patience knows how long pushes take lately, and how many first pushes are given
// up. It outlives a run.
type patience struct {
	mean  time.Duration // of a delivery; zero if none is known
	share float64       // of first pushes that were given up
}

// took notes a delivery. One that took long counts at once, so that a Zync that
// slows down for everyone is waited for.
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

// limit is how long a first push is waited for.
func (p *patience) limit() time.Duration {
	longest := max(mostPatience*p.mean, usualPatience)
	if p.mean == 0 || p.share == 0 {
		return longest
	}
	mean := float64(p.mean)
	affordable := max(leastPatience*mean, lostToPatience*mean/p.share)
	return min(longest, time.Duration(affordable))
}
