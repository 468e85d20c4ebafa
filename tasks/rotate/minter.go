package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// endBatch is how many tokens' ends are written in one statement.
const endBatch = 200

// minter inserts tokens for the tenants that the plan hands out. It keeps the
// writer, and takes a new one where that was lost.
type minter struct {
	o      *Options
	plan   *plan
	writer Writer    // nil before the first mint, and while lost
	again  []planned // taken up by a batch whose insert failed
}

// mint inserts tokens for up to n tenants. None, without an error, is the end of
// the plan. An error that wraps [tasks.ErrBusy] says that another scheduler has
// become the writer.
func (m *minter) mint(ctx context.Context, n int, t *tally) ([]*token, error) {
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	if err := m.refresh(ctx, t); err != nil {
		return nil, err
	}
	batch := m.again[:min(n, len(m.again))]
	m.again = m.again[len(batch):]
	if len(batch) < n {
		more, err := m.plan.next(ctx, n-len(batch), t)
		batch = append(batch, more...)
		if err != nil {
			m.again = slices.Concat(batch, m.again)
			return nil, err
		}
	}
	tokens := make([]*token, len(batch))
	rows := make([]db.NewToken, len(batch))
	for i, p := range batch {
		tokens[i] = newToken(p)
		rows[i] = db.NewToken{
			OwnerID: p.tenant.OwnerID.Int64, TenantID: p.tenant.OwnerTenantID, Digest: tokens[i].digest,
		}
	}
	refused, err := m.writer.Insert(ctx, rows, m.o.TTL)
	if err != nil {
		m.again = slices.Concat(batch, m.again)
		m.dropLost(err)
		return nil, err
	}
	for _, r := range refused {
		t.fail(batch[r.Index], r.Err.Error())
		tokens[r.Index] = nil
	}
	tokens = slices.DeleteFunc(tokens, func(t *token) bool { return t == nil })
	if len(refused) > 0 && len(tokens) == 0 {
		return m.mint(ctx, n, t)
	}
	return tokens, nil
}

// refresh reads the tenants anew that have waited for another mint, for their
// owners may have changed.
func (m *minter) refresh(ctx context.Context, t *tally) error {
	now := m.o.Now()
	old := func(p planned) bool { age := now.Sub(p.readAt); return age > pageAge || age < 0 }
	var ids []int64
	for _, p := range m.again {
		if old(p) {
			ids = append(ids, p.tenant.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := rowsOf(ctx, m.o.Tenants, ids)
	if err != nil {
		return err
	}
	waiting := m.again
	m.again = nil
	for _, p := range waiting {
		if old(p) {
			row, found := rows[p.tenant.ID]
			if !found {
				continue // deleted, and nobody's to serve any more
			}
			if p.read(row, now); p.verdict == noOwner {
				t.skip(p)
				continue
			}
		}
		m.again = append(m.again, p)
	}
	return nil
}

// open takes a writer where there is none. The first is taken like any later one,
// so that a run outlasts a MySQL that is away at its start.
func (m *minter) open(ctx context.Context) error {
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
	return nil
}

// end deletes tokens that nobody can hold and ends the predecessors of delivered
// ones, a batch at a time. It returns what is left to be done after an error.
func (m *minter) end(ctx context.Context, left ends) (ends, error) {
	for len(left.discards) > 0 || len(left.revokes) > 0 {
		if err := m.open(ctx); err != nil {
			return left, err
		}
		digests, change := &left.discards, func(batch []secret.Text) error { _, err := m.writer.Delete(ctx, batch); return err }
		if len(*digests) == 0 {
			digests, change = &left.revokes, func(batch []secret.Text) error { _, err := m.writer.Revoke(ctx, batch, 0); return err }
		}
		n := min(len(*digests), endBatch)
		if err := change((*digests)[:n]); err != nil {
			m.dropLost(err)
			return left, err
		}
		*digests = (*digests)[n:]
	}
	return left, nil
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
