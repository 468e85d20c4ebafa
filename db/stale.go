package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// StaleToken is a sync token that Porta's own janitor would delete: expired, or
// made before sync tokens expired at all.
type StaleToken struct {
	ID        int64        `db:"id"`
	CreatedAt sql.NullTime `db:"created_at"`
	// Legacy is set where the token never expires: Porta still accepts it, and
	// Zync may hold it.
	Legacy bool `db:"legacy"`
	// TenantID is the owner's account; NULL where there is no such user.
	TenantID sql.NullInt64 `db:"account_id"`
}

// StaleTokens lists stale sync tokens in the order of their ids.
type StaleTokens struct{ pool *sqlx.DB }

// NewStaleTokens lists the stale tokens in pool.
func NewStaleTokens(pool *sqlx.DB) *StaleTokens { return &StaleTokens{pool: pool} }

// expired is true of tokens past their life by the server's clock and by ours,
// whichever is behind: neither alone may end a token that still lives.
const expired = `expires_at < UTC_TIMESTAMP() AND expires_at < ?`

// Page returns up to limit stale tokens with an id above after, stale at now.
func (s *StaleTokens) Page(ctx context.Context, after int64, now time.Time, limit int) ([]StaleToken, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var page []StaleToken
	err := s.pool.SelectContext(ctx, &page, `
SELECT t.id, t.created_at, t.expires_at IS NULL AS legacy, u.account_id
  FROM (SELECT id, created_at, expires_at, owner_id FROM access_tokens
         WHERE id > ? AND `+isSyncToken+` AND (expires_at IS NULL OR (`+expired+`))
         ORDER BY id LIMIT ?) t
  LEFT JOIN users u ON u.id = t.owner_id
 ORDER BY t.id`, after, now, limit)
	if err != nil {
		return nil, fmt.Errorf("list stale sync tokens: %w", scrub(err))
	}
	return page, nil
}

// PurgeExpired deletes those of ids that are sync tokens expired at now, where
// they lie close with such as lie between them, and returns how many that were.
func (w *Writer) PurgeExpired(ctx context.Context, ids []int64, now time.Time) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var n int
	var err error
	if first, last := slices.Min(ids), slices.Max(ids); dense(first, last, len(ids)) {
		n, err = w.exec(ctx, `DELETE FROM access_tokens WHERE id BETWEEN ? AND ? AND `+isSyncToken+` AND `+expired, first, last, now)
	} else {
		n, err = w.execIn(ctx, `DELETE FROM access_tokens WHERE id IN (?) AND `+isSyncToken+` AND `+expired, ids, now)
	}
	if err != nil {
		return 0, fmt.Errorf("purge expired sync tokens: %w", err)
	}
	return n, nil
}

// dense tells whether so few other rows lie between two ids that the span costs
// less than the list of ids: MySQL deletes by a span in half the time, but looks
// at, and for a moment locks, each row in it.
func dense(first, last int64, n int) bool { return last-first < int64(n+n/20) }

// PurgeLegacy deletes those of ids that are sync tokens without an expiry, and
// returns how many that were.
func (w *Writer) PurgeLegacy(ctx context.Context, ids []int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	n, err := w.execIn(ctx, `DELETE FROM access_tokens WHERE id IN (?) AND `+isSyncToken+` AND expires_at IS NULL`, ids)
	if err != nil {
		return 0, fmt.Errorf("purge legacy sync tokens: %w", err)
	}
	return n, nil
}
