package rotate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
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
	failures []failure // tenants whose token MySQL refuses
	tally    *tally    // of tenants that are not due
	ended    bool      // the plan has no more tenants
}

type failure struct {
	planned
	reason string
}

// mint inserts tokens for up to n tenants. If it returns no error and sets ended, the plan
// has no more tenants. An error that wraps [tasks.ErrBusy] means that another scheduler is
// the writer.
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

// canary inserts a token for the first approved tenant of the plan, because Porta refuses
// even valid tokens of other tenants. If there is no approved tenant, it returns no token and
// no error.
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

// begin takes over, once, the tokens that earlier runs have left in hand. If a token can't be
// used again, a new one is minted for its tenant.
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
