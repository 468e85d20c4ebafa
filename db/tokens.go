package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

// What Porta writes into a sync token's row.
//
//nolint:gosec // names, no credentials
const (
	SyncTokenName   = "OIDC Synchronization Token"
	syncTokenScopes = "---\n- account_management\n"
	syncTokenAccess = "ro"
)

// isSyncToken is true for sync tokens only. Porta's collation compares case but ignores
// trailing blanks. The cast compares every byte, whatever the collation.
const isSyncToken = `CAST(name AS BINARY) = CAST('` + SyncTokenName + `' AS BINARY)`

// NewToken is a sync token to be written.
type NewToken struct {
	OwnerID  int64
	TenantID sql.NullInt64
	Digest   secret.Text // as Porta stores it, scheme included
}

// Delete removes the sync tokens with these digests and returns how many there were.
// Use it only for tokens that nobody can hold.
func (w *Writer) Delete(ctx context.Context, digests []secret.Text) (int, error) {
	if len(digests) == 0 {
		return 0, nil
	}
	n, err := execIn(ctx, w, `DELETE FROM access_tokens WHERE value IN (?) AND `+isSyncToken, values(digests))
	if err != nil {
		return n, fmt.Errorf("delete refused sync tokens: %w", err)
	}
	return n, nil
}

func values(digests []secret.Text) []string {
	values := make([]string, len(digests))
	for i, d := range digests {
		values[i] = d.Reveal()
	}
	return values
}

// listed is how many values one statement has at most.
const listed = 1000

// execIn runs a statement that has one IN (?) for a list of values. It uses as many
// statements as the list needs.
func execIn[T any](ctx context.Context, w *Writer, query string, list []T, args ...any) (total int, err error) {
	for part := range slices.Chunk(list, listed) {
		n, err := execPart(ctx, w, query, part, args)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// execPart halves a list that makes a statement too large for the server.
func execPart[T any](ctx context.Context, w *Writer, query string, list []T, args []any) (int, error) {
	expanded, all, err := sqlx.In(query, append([]any{list}, args...)...)
	if err != nil {
		return 0, err
	}
	n, err := w.exec(ctx, expanded, all...)
	if half := len(list) / 2; half > 0 && TooLarge(err) {
		first, err := execPart(ctx, w, query, list[:half], args)
		if err != nil {
			return first, err
		}
		second, err := execPart(ctx, w, query, list[half:], args)
		return first + second, err
	}
	return n, err
}
