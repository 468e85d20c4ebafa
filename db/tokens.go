package db

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

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

// isSyncToken is true of sync tokens alone. Porta's collation compares case, but
// takes trailing blanks for nothing; the cast makes every byte count, whatever
// the collation.
const isSyncToken = `CAST(name AS BINARY) = CAST('` + SyncTokenName + `' AS BINARY)`

// NewToken is a sync token to be written.
type NewToken struct {
	OwnerID  int64
	TenantID sql.NullInt64
	Digest   secret.Text // as Porta stores it, scheme included
}

// Insert writes tokens in one statement: all of them or none. They live from
// the server's present second for ttl. After [ErrWriterLost] it is unknown
// whether they are there.
//
// The rows go in, and are locked, in the order of their owners. Porta's own
// transactions lock one owner's rows at a time, so no circle of waits can close
// and none of them ends in a deadlock because of us.
func (w *Writer) Insert(ctx context.Context, tokens []NewToken, ttl time.Duration) error {
	if len(tokens) == 0 {
		return nil
	}
	tokens = slices.SortedFunc(slices.Values(tokens), func(a, b NewToken) int { return cmp.Compare(a.OwnerID, b.OwnerID) })
	const row = "(?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP(), UTC_TIMESTAMP() + INTERVAL ? SECOND)"
	query := `INSERT INTO access_tokens
  (owner_id, scopes, value, name, permission, tenant_id, created_at, updated_at, expires_at) VALUES ` +
		strings.TrimSuffix(strings.Repeat(row+", ", len(tokens)), ", ")
	args := make([]any, 0, 7*len(tokens))
	for _, t := range tokens {
		args = append(args, t.OwnerID, syncTokenScopes, t.Digest.Reveal(), SyncTokenName, syncTokenAccess,
			t.TenantID, int64(ttl/time.Second))
	}
	if _, err := w.exec(ctx, query, args...); err != nil {
		return fmt.Errorf("insert %d sync tokens: %w", len(tokens), err)
	}
	return nil
}

// Delete removes the sync tokens with these digests and returns how many there
// were. It is for tokens that are certain to be in nobody's hands.
func (w *Writer) Delete(ctx context.Context, digests []secret.Text) (int, error) {
	if len(digests) == 0 {
		return 0, nil
	}
	n, err := w.execIn(ctx, `DELETE FROM access_tokens WHERE value IN (?) AND `+isSyncToken, values(digests))
	if err != nil {
		return 0, fmt.Errorf("delete refused sync tokens: %w", err)
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

// execIn is exec of a statement with one IN (?) for a list of values.
func (w *Writer) execIn(ctx context.Context, query string, list any, args ...any) (int, error) {
	query, all, err := sqlx.In(query, append([]any{list}, args...)...)
	if err != nil {
		return 0, err
	}
	return w.exec(ctx, query, all...)
}

// Accepts tells whether Porta would accept the token with a digest: it is there,
// lives, and its owner does.
func (t *Tenants) Accepts(ctx context.Context, digest secret.Text) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var n int
	err := t.pool.GetContext(ctx, &n, `
SELECT COUNT(*) FROM access_tokens t JOIN users u ON u.id = t.owner_id
 WHERE t.value = ? AND (t.expires_at IS NULL OR t.expires_at >= UTC_TIMESTAMP())`, digest.Reveal())
	if err != nil {
		return false, fmt.Errorf("look for a sync token: %w", scrub(err))
	}
	return n > 0, nil
}
