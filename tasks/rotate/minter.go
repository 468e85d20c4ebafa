package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// endBatch is how many tokens' ends are written in one statement.
	endBatch = 200
	// spareYoung is how long a tenant's older token is spared by a revocation after
	// it was made or pushed: a push of it may still be under way, and Zync was seen
	// to store a token six seconds after we had given the push up.
	spareYoung = 2 * time.Minute
)

// minter inserts tokens for the tenants that the plan hands out, and ends tokens.
// It keeps the writer, and opens a new one if that was lost. One of its methods
// runs at a time.
type minter struct {
	o      *Options
	plan   *plan
	memory *memory
	window time.Time

	writer Writer // nil before the first use, and while lost
	epoch  int    // counts writers
	begun  bool   // the tokens of earlier runs are in hand
}

// minted is what one step of the minter did.
type minted struct {
	tokens   []*token  // new
	kept     []*token  // in hand since an earlier run
	failures []failure // tenants for which MySQL takes no token
	tally    *tally    // of tenants that are not due
	ended    bool      // the plan has no more tenants
}

type failure struct {
	planned
	reason string
}

// mint inserts tokens for up to n tenants. Without an error and with ended set, the
// plan has no more. An error that wraps [tasks.ErrBusy] says that another scheduler
// is the writer.
func (m *minter) mint(ctx context.Context, n int) (minted, error) {
	out := minted{tally: newTally()}
	if err := m.open(ctx); err != nil {
		return out, err
	}
	if err := m.begin(ctx, &out); err != nil || n == 0 {
		return out, err
	}
	batch, err := m.plan.next(ctx, n, out.tally)
	if err == nil {
		out.ended = len(batch) == 0
		err = m.insert(ctx, batch, &out)
	} else {
		m.plan.again = append(m.plan.again, batch...)
	}
	return out, err
}

// canary inserts a token for the first approved tenant of the plan. Porta refuses a
// valid token of any other. No token, without an error, says that there is none.
func (m *minter) canary(ctx context.Context) (minted, error) {
	out := minted{tally: newTally()}
	if err := m.open(ctx); err != nil {
		return out, err
	}
	p, found, err := m.plan.approved(ctx)
	if err != nil || !found {
		return out, err
	}
	return out, m.insert(ctx, []planned{p}, &out)
}

// begin takes the tokens in hand that earlier runs have left, once. Tenants whose
// token can't be used again are minted for anew.
func (m *minter) begin(ctx context.Context, out *minted) error {
	if m.begun || m.plan.pass.placing {
		m.begun = true
		return nil
	}
	early, err := m.plan.handOutEarly(ctx, m.memory.holding())
	if err != nil {
		return err
	}
	m.begun = true
	for _, p := range early {
		if t := m.memory.take(p, m.o.Now(), m.o.TTL); t != nil {
			out.kept = append(out.kept, t)
		} else {
			m.plan.again = append(m.plan.again, p)
		}
	}
	return nil
}

// insert writes a token for each tenant of a batch. Tenants come again after an
// error.
func (m *minter) insert(ctx context.Context, batch []planned, out *minted) error {
	if m.plan.pass.placing {
		return m.place(ctx, batch, out)
	}
	var tokens []*token
	var rows []db.NewToken
	for _, p := range batch {
		if refusal := m.memory.mayMint(p, m.window); refusal != "" {
			out.failures = append(out.failures, failure{p, refusal})
			continue
		}
		p.mints++
		t := newToken(p)
		t.epoch, t.repeat = m.epoch, m.memory.fails(p.tenant.ID)
		tokens = append(tokens, t)
		rows = append(rows, db.NewToken{OwnerID: p.tenant.OwnerID.Int64, TenantID: p.tenant.OwnerTenantID, Digest: t.digest})
	}
	refused, err := m.writer.Insert(ctx, rows, m.o.TTL)
	if err != nil {
		for _, t := range tokens {
			t.mints-- // nobody was served by it
			m.plan.again = append(m.plan.again, t.planned)
		}
		m.dropLost(err)
		return err
	}
	for _, r := range refused {
		out.failures = append(out.failures, failure{tokens[r.Index].planned, m.o.reason(r.Err)})
		tokens[r.Index] = nil
	}
	for _, t := range tokens {
		if t != nil {
			out.tokens = append(out.tokens, t)
		}
	}
	return nil
}

// open opens a writer if there is none. A lost one counts as none.
func (m *minter) open(ctx context.Context) error {
	if m.writer != nil && m.writer.Lost() != nil {
		_ = m.close()
	}
	if m.writer != nil {
		return nil
	}
	writer, err := m.o.OpenWriter(ctx)
	if errors.Is(err, db.ErrFenced) {
		return fmt.Errorf("%w: %w", tasks.ErrBusy, err)
	}
	if err != nil {
		return err
	}
	m.writer = writer
	m.epoch++
	return nil
}

func (m *minter) dropLost(err error) {
	if errors.Is(err, db.ErrWriterLost) {
		_ = m.close()
	}
}

func (m *minter) close() error {
	if m.writer == nil {
		return nil
	}
	err := m.writer.Close()
	m.writer = nil
	return err
}

// ends are tokens whose end is to be written.
type ends struct {
	discards []secret.Text // refused tokens, which nobody holds: they are deleted
	revokes  []*token      // delivered tokens, whose tenants' older ones expire; all of them if it is a placeholder
}

func (e *ends) len() int { return len(e.discards) + len(e.revokes) }

func (e *ends) add(more ends) {
	e.discards = append(e.discards, more.discards...)
	e.revokes = append(e.revokes, more.revokes...)
}

// ended is what became of them.
type ended struct {
	left   ends     // not written, to be tried again
	spared []*token // to be pushed once more, and then revoked again
	behind []*token // of tenants whose newest token in MySQL is another
}

// end writes the ends of tokens, a batch at a time.
func (m *minter) end(ctx context.Context, left ends) (out ended, err error) {
	out.left = left
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
