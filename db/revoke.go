package db

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

// olderTokens are the sync tokens, of whatever user of the same account, that
// were made before one of those given and still live.
const olderTokens = `
SELECT DISTINCT old.id
  FROM access_tokens new
  JOIN users owner ON owner.id = new.owner_id
  JOIN users other ON other.account_id = owner.account_id
  JOIN access_tokens old ON old.owner_id = other.id
 WHERE new.value IN (?) AND old.id < new.id
   AND CAST(old.name AS BINARY) = CAST('` + SyncTokenName + `' AS BINARY)
   AND (old.expires_at IS NULL OR old.expires_at >= UTC_TIMESTAMP())`

// Revoke ends the life of every sync token that was made for the same tenants
// before those with these digests, legacy ones included, and returns how many
// that were. It is for tenants to whose Zync the new tokens have been delivered.
func (w *Writer) Revoke(ctx context.Context, digests []secret.Text) (int, error) {
	if len(digests) == 0 {
		return 0, nil
	}
	ids, err := w.older(ctx, digests)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	n, err := w.execIn(ctx, `
UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND, updated_at = UTC_TIMESTAMP()
 WHERE id IN (?) AND `+isSyncToken, ids)
	if err != nil {
		return 0, fmt.Errorf("revoke older sync tokens: %w", err)
	}
	return n, nil
}

func (w *Writer) older(ctx context.Context, digests []secret.Text) ([]int64, error) {
	query, args, err := sqlx.In(olderTokens, values(digests))
	if err != nil {
		return nil, err
	}
	var ids []int64
	err = w.do(ctx, func(ctx context.Context) error { return w.conn.SelectContext(ctx, &ids, query, args...) })
	if err != nil {
		return nil, fmt.Errorf("find older sync tokens: %w", err)
	}
	return ids, nil
}
