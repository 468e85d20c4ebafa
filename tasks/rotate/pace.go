package rotate

import "time"

const (
	// paceSpan is how long deliveries are counted for one measure of their rate.
	paceSpan = 250 * time.Millisecond
	// paceFirst is how long they are counted at least for a first guess at it.
	paceFirst = 20 * time.Millisecond
	// maxAheadTokens bounds what is in hand: twice a batch, so that one is left to
	// push while the next is minted.
	maxAheadTokens = 2 * maxBatch
	// maxBatch bounds a batch, and with it how long its insert holds locks.
	maxBatch = 1000
)

// pace bounds how many tokens may be in hand ahead of the pushes: one at first,
// two more with each that is delivered, and never more than Zync has lately
// taken in a second.
type pace struct {
	limit int
	rate  float64 // deliveries a second
	count int
	from  time.Time

	every  time.Duration // least time between two pushes, by --push-rate
	nextAt time.Time     // when the next push may begin
}

func newPace(now time.Time, most float64) pace {
	p := pace{limit: 1, from: now}
	if most > 0 {
		p.every = time.Duration(float64(time.Second) / most)
	}
	return p
}

// pushed notes that a push began.
func (p *pace) pushed(now time.Time) {
	if p.every == 0 {
		return
	}
	// What a late wake-up missed is made up for, but not more than a moment's.
	p.nextAt = p.nextAt.Add(p.every)
	if late := now.Add(-20 * time.Millisecond); p.nextAt.Before(late) {
		p.nextAt = late
	}
}

func (p *pace) delivered(now time.Time, concurrency int) {
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
	second := max(2*concurrency, min(int(rate), maxAheadTokens))
	p.limit = min(p.limit+2, second)
}

// failed falls back to a cautious start.
func (p *pace) failed() { p.limit = max(1, p.limit/2) }
