package rotate

import (
	"context"
	"errors"
	"fmt"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// minter inserts tokens for the tenants that the plan hands out. It keeps the
// writer, and takes a new one where that was lost.
type minter struct {
	o      *Options
	plan   *plan
	writer Writer    // nil while lost
	again  []planned // taken up by a batch whose insert failed
}

// mint inserts tokens for up to n tenants. None, without an error, is the end of
// the plan. An error that wraps [tasks.ErrBusy] says that another scheduler has
// become the writer.
func (m *minter) mint(ctx context.Context, n int, t *tally) ([]*token, error) {
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	batch := m.again
	m.again = nil
	if len(batch) < n {
		more, err := m.plan.next(ctx, n-len(batch), t)
		batch = append(batch, more...)
		if err != nil {
			m.again = batch
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
	if err := m.writer.Insert(ctx, rows, m.o.TTL); err != nil {
		m.again = batch
		m.dropLost(err)
		return nil, err
	}
	return tokens, nil
}

// open takes a writer where there is none.
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

// discard deletes tokens that nobody can hold.
func (m *minter) discard(ctx context.Context, digests []db.Secret) error {
	if len(digests) == 0 {
		return nil
	}
	if err := m.open(ctx); err != nil {
		return err
	}
	_, err := m.writer.Delete(ctx, digests)
	m.dropLost(err)
	return err
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
