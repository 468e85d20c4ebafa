package db

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Refused is a token that the server did not take because of its row's content, a
// trigger or a key.
type Refused struct {
	Index int // in the list that was given to Insert
	Err   error
}

// Insert writes tokens in one statement. They live for ttl from the server's current
// second.
//
// If the server refuses a row, the others are written, and the row is returned. So it
// fails one tenant and not the whole batch. After an error the tokens count as not
// written, though some may be. After [ErrWriterLost] nobody knows whether they are.
//
// The rows are inserted, and locked, in the order of their owners. Porta's own
// transactions lock one owner's rows at a time. So no circle of waits can occur, and no
// of Porta's transactions fails because of us.
func (w *Writer) Insert(ctx context.Context, tokens []NewToken, ttl time.Duration) ([]Refused, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	rows := make([]newRow, len(tokens))
	for i, t := range tokens {
		rows[i] = newRow{NewToken: t, index: i}
	}
	slices.SortFunc(rows, func(a, b newRow) int { return cmp.Compare(a.OwnerID, b.OwnerID) })
	refused, err := w.insert(ctx, rows, ttl)
	if err == nil {
		// If the clock was set since the last look, they may have expired already.
		err = w.look(context.WithoutCancel(ctx))
	}
	if err != nil {
		return refused, fmt.Errorf("insert %d sync tokens: %w", len(tokens), err)
	}
	return refused, nil
}

// newRow is a token with its place in the caller's list.
type newRow struct {
	NewToken
	index int
}

// insert writes rows. It halves them if one is refused or all are too large.
func (w *Writer) insert(ctx context.Context, rows []newRow, ttl time.Duration) ([]Refused, error) {
	err := w.insertAll(ctx, rows, ttl)
	switch {
	case err == nil:
		return nil, nil
	case !refusesRow(err) && !TooLarge(err):
		return nil, err
	case len(rows) == 1:
		return []Refused{{Index: rows[0].index, Err: err}}, nil
	}
	half := len(rows) / 2
	first, err := w.insert(ctx, rows[:half], ttl)
	if err != nil {
		return first, err
	}
	second, err := w.insert(ctx, rows[half:], ttl)
	return append(first, second...), err
}

// insertAll writes rows in one statement: all of them or none.
func (w *Writer) insertAll(ctx context.Context, rows []newRow, ttl time.Duration) error {
	const row = "(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP() + INTERVAL ? SECOND)"
	query := `INSERT INTO access_tokens
  (owner_id, scopes, value, name, permission, tenant_id, created_at, updated_at, expires_at) VALUES ` +
		strings.TrimSuffix(strings.Repeat(row+", ", len(rows)), ", ")
	args := make([]any, 0, 7*len(rows))
	for _, t := range rows {
		args = append(args, t.OwnerID, syncTokenScopes, t.Digest.Reveal(), SyncTokenName, syncTokenAccess,
			t.TenantID, int64(ttl/time.Second))
	}
	_, err := w.exec(ctx, query, args...)
	return err
}
