package rotate

import "time"

const (
	// maxWidth limits the number of pushes at a time that the program may choose.
	maxWidth = 32
	// widthSpan is how long latencies are watched for one decision.
	widthSpan = 500 * time.Millisecond
	// floorSpan is how long the least latency counts as that of an idle Zync. After that it
	// is measured again, because Zync may have been moved or have grown.
	floorSpan = 20 * time.Second
	// These are the numbers of pushes that wait in Zync's queue: below the first, one more
	// at a time is tried; above the second, one fewer.
	queueLow, queueHigh = 0.6, 1.6
)

// width is how many pushes are made at a time: a fixed number, or as many as Zync takes
// without a queue. More than that only add latency, to our pushes and to Porta's.
type width struct {
	n    int
	auto bool

	from  time.Time
	sum   time.Duration
	count int
	floor [2]time.Duration // the least latency of this span and of the one before
	since time.Time        // when this span began
}

func newWidth(fixed int, now time.Time) width {
	if fixed > 0 {
		return width{n: fixed}
	}
	return width{n: 1, auto: true, from: now, since: now}
}

// limit is how many pushes there may be at a time.
func (w *width) limit() int { return w.n }

// most is the largest limit that there can be.
func (w *width) most() int {
	if w.auto {
		return maxWidth
	}
	return w.n
}

// took notes how long a delivery took, and decides when a span has ended. Latency beyond that
// of an idle Zync is time in its queue. So the same share of the pushes at a time waits
// there.
func (w *width) took(d time.Duration, now time.Time) {
	if !w.auto {
		return
	}
	w.sum += d
	w.count++
	if w.floor[0] == 0 || d < w.floor[0] {
		w.floor[0] = d
	}
	if now.Sub(w.from) < widthSpan || w.count < 4*w.n {
		return
	}
	floor := w.floor[0]
	if w.floor[1] != 0 {
		floor = min(floor, w.floor[1])
	}
	mean := w.sum / time.Duration(w.count)
	queued := float64(w.n) * (1 - float64(floor)/float64(mean))
	switch {
	case queued < queueLow && w.n < maxWidth:
		w.n++
	case queued > queueHigh && w.n > 1:
		w.n--
	}
	w.sum, w.count, w.from = 0, 0, now
	if now.Sub(w.since) >= floorSpan {
		w.floor, w.since = [2]time.Duration{0, w.floor[0]}, now
	}
}

// failed backs off from a Zync in trouble.
func (w *width) failed() {
	if w.auto {
		w.n = max(1, w.n/2)
	}
}
