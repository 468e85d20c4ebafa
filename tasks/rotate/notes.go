package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// noteEvery is how long a delivery may wait to be recorded, and so how many
	// tenants are rotated once more after a kill.
	noteEvery = time.Second
	// noteAt is how many of them are recorded at the latest.
	noteAt = 1000
	// lastNoteTries bounds the attempts to record the end of a run.
	lastNoteTries = 3
)

// notes are what is to be recorded: deliveries and failures in the ledger, and
// in MySQL the ends of tokens.
type notes struct {
	delivered map[int64]time.Time
	failed    map[int64]string
	discards  []secret.Text // of refused tokens, to be deleted
	revokes   []secret.Text // of delivered tokens, whose predecessors are to end
	since     time.Time     // of the first of them
}

// noted is what became of an attempt to record.
type noted struct {
	notes notes
	err   error
}

func newNotes() notes {
	return notes{delivered: map[int64]time.Time{}, failed: map[int64]string{}}
}

func (n *notes) deliver(id int64, at time.Time) {
	delete(n.failed, id)
	n.delivered[id] = at
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

func (n *notes) discard(digests ...secret.Text) { n.discards = append(n.discards, digests...) }

func (n *notes) revoke(digests ...secret.Text) { n.revokes = append(n.revokes, digests...) }

// takeEnds takes the tokens that are to end.
func (n *notes) takeEnds() ends {
	taken := ends{n.discards, n.revokes}
	n.discards, n.revokes = nil, nil
	return taken
}

// endsDue tells whether ends have waited for long enough.
func (n *notes) endsDue(now time.Time) bool {
	return len(n.discards)+len(n.revokes) > 0 && now.Sub(n.since) >= noteEvery
}

// ends are tokens whose end is to be written: their own, or their predecessors'.
type ends struct{ discards, revokes []secret.Text }

func (n *notes) putBackEnds(e ends) {
	n.discard(e.discards...)
	n.revoke(e.revokes...)
}

func (n *notes) len() int { return len(n.delivered) + len(n.failed) }

// putBack takes what could not be recorded; what is newer stays.
func (n *notes) putBack(old notes) {
	for id, reason := range old.failed {
		if _, newer := n.delivered[id]; !newer {
			n.fail(id, reason)
		}
	}
	for id, at := range old.delivered {
		n.deliver(id, at)
	}
}

// startNote records what has gathered.
func (e *engine) startNote(ctx context.Context, now time.Time) {
	full := e.notes.len() >= noteAt
	old := e.notes.len() > 0 && now.Sub(e.notes.since) >= noteEvery
	if e.noting || (!full && !old) {
		return
	}
	e.noting = true
	batch := e.notes
	e.notes = newNotes()
	e.notes.putBackEnds(batch.takeEnds())
	at := e.o.Now()
	go func() {
		err := tasks.Safely(func() error {
			return e.o.Ledger.Record(context.WithoutCancel(ctx), batch.delivered, batch.failed, at)
		})
		e.noted <- noted{batch, err}
	}()
}

func (e *engine) noteEnded(n noted) {
	if n.err == nil {
		return
	}
	e.notes.putBack(n.notes)
	if !e.unrecorded {
		e.unrecorded = true
		e.run.Log.Warn("deliveries can't be recorded; until they are, a restart would rotate these tenants again", "err", n.err)
	}
}

// lastNote records the rest. Nothing else of the run is at work any more.
func (e *engine) lastNote(ctx context.Context) {
	var err error
	for try := 1; try <= lastNoteTries && e.notes.len() > 0; try++ {
		err = e.o.Ledger.Record(context.WithoutCancel(ctx), e.notes.delivered, e.notes.failed, e.o.Now())
		if err == nil {
			break
		}
	}
	if err != nil {
		e.run.Log.Warn("deliveries not recorded; the next run serves these tenants once more",
			"tenants", len(e.notes.delivered), "err", err)
	}
	e.lastEnds(ctx)
}

// lastEnds writes the ends of tokens that are still to be written.
func (e *engine) lastEnds(ctx context.Context) {
	left := e.notes.takeEnds()
	var err error
	for try := 1; try <= lastNoteTries; try++ {
		if left, err = e.mint.end(ctx, left); err == nil {
			return
		}
	}
	if len(left.discards) > 0 {
		e.run.Log.Warn("refused tokens not deleted; they expire by themselves", "tokens", len(left.discards), "err", err)
	}
	if len(left.revokes) > 0 {
		e.unrevoked = len(left.revokes)
		e.run.Log.Error("older tokens NOT revoked of tenants that were served; run --revoke again",
			"tenants", len(left.revokes), "err", err)
	}
}
