package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// endBatch is how many tokens' ends are written in one statement.
	endBatch = 200
	// spareYoung is how long a revocation spares a tenant's older token after it was made
	// or pushed, because a push of it may still be at work. Zync was seen to store a token
	// six seconds after the push was given up.
	spareYoung = 2 * time.Minute
)

// ends are tokens that must be deleted or expired in MySQL.
type ends struct {
	discards []secret.Text // refused tokens that Zync does not hold: they are deleted
	revokes  []*token      // delivered tokens: their tenants' older ones expire. After a placeholder all do
}

func (e *ends) len() int { return len(e.discards) + len(e.revokes) }

func (e *ends) add(more ends) {
	e.discards = append(e.discards, more.discards...)
	e.revokes = append(e.revokes, more.revokes...)
}

// ended is the result of writing ends.
type ended struct {
	left   ends     // not written, to be tried again
	spared []*token // to be pushed once more, and then revoked again
	behind []*token // of tenants that have a newer token in MySQL
}

// end writes the ends of tokens, a batch at a time.
func (m *minter) end(ctx context.Context, left ends) (out ended, err error) {
	out.left = left
	m.spareUnderWay(&out)
	for out.left.len() > 0 && err == nil {
		m.plan.step()
		if err = m.open(ctx); err != nil {
			break
		}
		if len(out.left.discards) > 0 {
			err = m.discard(ctx, &out)
		} else {
			err = m.revoke(ctx, &out)
		}
	}
	return out, err
}

// spareUnderWay spares the tenants for which a push failed lately in another run: Zync may
// still store what it brought, however old that token is.
func (m *minter) spareUnderWay(out *ended) {
	now := m.o.Now()
	var rest []*token
	for _, t := range out.left.revokes {
		if t.confirm || t.placeholder || now.Sub(t.failedAt) >= spareYoung {
			rest = append(rest, t)
		} else {
			out.spared = append(out.spared, t)
		}
	}
	out.left.revokes = rest
}

func (m *minter) discard(ctx context.Context, out *ended) error {
	n := min(len(out.left.discards), endBatch)
	if _, err := m.writer.Delete(ctx, out.left.discards[:n]); err != nil {
		m.dropLost(err)
		return err
	}
	out.left.discards = out.left.discards[n:]
	return nil
}

func (m *minter) revoke(ctx context.Context, out *ended) error {
	n := min(len(out.left.revokes), endBatch)
	batch := out.left.revokes[:n]
	spare := spareYoung
	if batch[0].confirm { // a batch is of one kind
		spare = 0
	}
	for i, t := range batch {
		if t.confirm != batch[0].confirm {
			n, batch = i, batch[:i]
			break
		}
	}
	if batch[0].placeholder {
		return m.revokeAll(ctx, batch, out)
	}
	digests := make([]secret.Text, n)
	for i, t := range batch {
		digests[i] = t.digest
	}
	revoked, err := m.writer.Revoke(ctx, digests, spare)
	if err != nil {
		m.dropLost(err)
		return err
	}
	for _, i := range revoked.Spared {
		out.spared = append(out.spared, batch[i])
	}
	for _, i := range revoked.Behind {
		out.behind = append(out.behind, batch[i])
	}
	out.left.revokes = out.left.revokes[n:]
	return nil
}

// confirmAfter is how long after a delivery the token is pushed once more, before the
// tenant's younger tokens may be revoked.
const confirmAfter = 30 * time.Second

// endsWritten takes over the result of writing ends.
func (e *engine) endsWritten(wrote ended) {
	e.results.ends.add(wrote.left)
	for _, t := range wrote.spared {
		t.confirm, t.firstFail, t.notBefore = true, time.Time{}, time.Now().Add(confirmAfter)
		e.hand.putBack(t)
	}
	for _, t := range wrote.behind {
		if t.mints >= mostMints {
			e.tally.unrevoked = append(e.tally.unrevoked, t.tenant.ID)
			continue
		}
		e.tally.undeliver()
		e.again(t.planned)
	}
	if n := len(wrote.spared); n > 0 {
		e.run.Log.Info("young tokens are spared for now: a push of one may still be under way. They are revoked after the new token was pushed once more",
			"tenants", n, "in", confirmAfter)
	}
}
