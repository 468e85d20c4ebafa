package rotate

import (
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

const (
	// noteEvery is how long a result may wait to be recorded. It limits how many tenants
	// are rotated once more after a kill.
	noteEvery = time.Second
	// noteAt is how many results are recorded at once, without waiting longer.
	noteAt = 1000
)

// notes are results that are to be recorded in the ledger.
type notes struct {
	delivered map[int64]ledger.Delivery
	failed    map[int64]string
	since     time.Time // of the first of them
}

func newNotes() notes {
	return notes{delivered: map[int64]ledger.Delivery{}, failed: map[int64]string{}}
}

func (n *notes) deliver(id int64, d ledger.Delivery) {
	delete(n.failed, id)
	n.delivered[id] = d
	n.begin()
}

func (n *notes) fail(id int64, reason string) {
	n.failed[id] = reason
	n.begin()
}

func (n *notes) begin() {
	if n.since.IsZero() {
		n.since = time.Now()
	}
}

func (n *notes) len() int { return len(n.delivered) + len(n.failed) }

// due is true if the notes have waited long enough, or there are enough of them.
func (n *notes) due(now time.Time) bool {
	return n.len() >= noteAt || (n.len() > 0 && now.Sub(n.since) >= noteEvery)
}

// take returns the notes and leaves none.
func (n *notes) take() notes {
	taken := *n
	*n = newNotes()
	return taken
}

// putBack takes notes back that could not be recorded. Newer notes take precedence.
func (n *notes) putBack(old notes) {
	for id, reason := range old.failed {
		_, delivered := n.delivered[id]
		if _, failed := n.failed[id]; !delivered && !failed {
			n.fail(id, reason)
		}
	}
	for id, d := range old.delivered {
		if _, newer := n.delivered[id]; newer {
			continue
		}
		reason, failedSince := n.failed[id]
		n.deliver(id, d)
		if failedSince {
			n.failed[id] = reason
		}
	}
}
