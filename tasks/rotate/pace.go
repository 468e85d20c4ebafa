package rotate

import "time"

const (
	// paceSpan is how long deliveries are counted for one measure of their rate.
	paceSpan = 250 * time.Millisecond
	// paceFirst is the least time for a first estimate of that rate.
	paceFirst = 20 * time.Millisecond
	// maxBatch limits a batch, and with it how long its INSERT holds locks.
	maxBatch = 1000
	// maxAhead limits the fresh tokens in hand: twice a batch, so that one is left
	// to push while the next is minted.
	maxAhead = 2 * maxBatch
)

// pace limits how many fresh tokens may be in hand: one at first, two more with each
// delivery, and at most as many as Zync has lately taken in a second.
type pace struct {
	ahead int
	rate  float64 // deliveries a second
	count int
	from  time.Time
}

func newPace(now time.Time) pace { return pace{ahead: 1, from: now} }

// delivered notes a delivery, with so many workers.
func (p *pace) delivered(now time.Time, workers int) {
	p.count++
	span := now.Sub(p.from)
	rate := float64(p.count) / max(span, paceFirst).Seconds()
	if p.rate > 0 {
		rate = (p.rate + rate) / 2
	}
	if span >= paceSpan {
		p.rate, p.count, p.from = rate, 0, now
	} else if p.rate > 0 {
		rate = p.rate
	}
	p.ahead = min(p.ahead+2, max(2*workers, min(int(rate), maxAhead)))
}

// startAnew falls back to one token at a time.
func (p *pace) startAnew(now time.Time) { *p = newPace(now) }

// batch is how many tokens to mint, given the number of fresh ones that are in hand or being
// pushed. Enough are left to push during an INSERT, and batches are large.
func (p *pace) batch(inHand int) int {
	n := p.ahead - inHand
	if n < min(max(1, p.ahead*3/4), maxBatch) {
		return 0
	}
	return min(n, maxBatch)
}
