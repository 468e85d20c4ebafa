package db

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// StaleToken is a sync token that Porta's own janitor would delete: it has expired, or
// was made before sync tokens expired.
type StaleToken struct {
	ID        int64        `db:"id"`
	CreatedAt sql.NullTime `db:"created_at"`
	// Legacy is true if the token never expires. Porta still accepts it, and Zync may
	// hold it.
	Legacy bool `db:"legacy"`
	// TenantID is the owner's account. It is NULL if there is no such user.
	TenantID sql.NullInt64 `db:"account_id"`
}

// StaleTokens lists stale sync tokens in the order of their ids.
type StaleTokens struct{ pool *sqlx.DB }

// NewStaleTokens lists the stale tokens in pool.
func NewStaleTokens(pool *sqlx.DB) *StaleTokens { return &StaleTokens{pool: pool} }

// expired is true for tokens that have expired by the server's clock and by ours. One
// clock alone may be wrong, and a token that still lives must not be deleted.
const expired = `expires_at < UTC_TIMESTAMP() AND expires_at < ?`

// Page looks at up to rows access tokens with an id above after, of any name and age.
// It returns those that are stale sync tokens at now. next is the last id that it
// looked at; the next page begins after it. At the end of the table next is after. So
// each statement is bounded, however few tokens are stale.
func (s *StaleTokens) Page(ctx context.Context, after int64, now time.Time, rows int) (page []StaleToken, next int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if err := s.pool.GetContext(ctx, &next, `
SELECT COALESCE(MAX(id), ?) FROM (SELECT id FROM access_tokens WHERE id > ? ORDER BY id LIMIT ?) ahead`, after, after, rows); err != nil {
		return nil, after, fmt.Errorf("look ahead in access tokens: %w", scrub(err))
	}
	if next == after {
		return nil, after, nil
	}
	err = s.pool.SelectContext(ctx, &page, `
SELECT t.id, t.created_at, t.expires_at IS NULL AS legacy, u.account_id
  FROM access_tokens t LEFT JOIN users u ON u.id = t.owner_id
 WHERE t.id > ? AND t.id <= ? AND `+isSyncToken+` AND (t.expires_at IS NULL OR (`+expired+`))
 ORDER BY t.id LIMIT ?`, after, next, now, rows)
	if err != nil {
		return nil, after, fmt.Errorf("list stale sync tokens: %w", scrub(err))
	}
	return page, next, nil
}

// PurgeExpired deletes the sync tokens with an id above after and up to last that have
// expired at now. It returns how many there were. The caller limits the range.
func (w *Writer) PurgeExpired(ctx context.Context, after, last int64, now time.Time) (int, error) {
	n, err := w.exec(ctx, `DELETE FROM access_tokens WHERE id > ? AND id <= ? AND `+isSyncToken+` AND `+expired, after, last, now)
	if err != nil {
		return 0, fmt.Errorf("purge expired sync tokens: %w", err)
	}
	return n, nil
}

// PurgeLegacy deletes the tokens with these ids if they are sync tokens without an
// expiry. It returns how many there were.
func (w *Writer) PurgeLegacy(ctx context.Context, ids []int64) (int, error) {
	n, err := execIn(ctx, w, `DELETE FROM access_tokens WHERE id IN (?) AND `+isSyncToken+` AND expires_at IS NULL`, ids)
	if err != nil {
		return n, fmt.Errorf("purge legacy sync tokens: %w", err)
	}
	return n, nil
}
