package db

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// lives is true for a token that Porta accepts, as far as its row says.
	lives = `(t.expires_at IS NULL OR t.expires_at >= UTC_TIMESTAMP())`
	// lookedFor is how many tokens one statement looks up.
	lookedFor = 500
	// lookedAt is for how many owners one statement reads the tokens. An owner has some
	// hundreds of them.
	lookedAt = 200
)

// Tokens says which sync tokens Porta accepts. A failover to a replica that lagged, a
// restore or an administrator may have removed rows.
type Tokens struct{ pool *sqlx.DB }

// NewTokens looks for tokens in pool.
func NewTokens(pool *sqlx.DB) *Tokens { return &Tokens{pool: pool} }

// Missing returns the digests that Porta does not accept, by index and in order: there
// is no such token, it has expired, or its owner is gone.
func (t *Tokens) Missing(ctx context.Context, digests []secret.Text) ([]int, error) {
	accepted := make(map[string]bool, len(digests))
	for part := range slices.Chunk(values(digests), lookedFor) {
		found, err := selectIn[string](ctx, t.pool, `
SELECT t.value FROM access_tokens t JOIN users u ON u.id = t.owner_id WHERE t.value IN (?) AND `+lives, part)
		if err != nil {
			return nil, fmt.Errorf("look for sync tokens: %w", err)
		}
		for _, value := range found {
			accepted[value] = true
		}
	}
	var missing []int
	for i, digest := range digests {
		if !accepted[digest.Reveal()] {
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// Newest returns when the newest living sync token of each owner was made, by the
// server's clock. An owner without one is not in the map.
func (t *Tokens) Newest(ctx context.Context, owners []int64) (map[int64]time.Time, error) {
	newest := make(map[int64]time.Time, len(owners))
	for part := range slices.Chunk(owners, lookedAt) {
		found, err := selectIn[struct {
			OwnerID int64        `db:"owner_id"`
			Created sql.NullTime `db:"created"`
		}](ctx, t.pool, `
SELECT t.owner_id, MAX(t.created_at) AS created FROM access_tokens t
 WHERE t.owner_id IN (?) AND `+isSyncToken+` AND `+lives+` GROUP BY t.owner_id`, part)
		if err != nil {
			return nil, fmt.Errorf("look for the newest sync tokens: %w", err)
		}
		for _, row := range found {
			newest[row.OwnerID] = row.Created.Time
		}
	}
	return newest, nil
}

// Accepts tells whether Porta would accept the token with a digest: it exists, has not
// expired, and its owner exists.
func (t *Tenants) Accepts(ctx context.Context, digest secret.Text) (bool, error) {
	missing, err := NewTokens(t.pool).Missing(ctx, []secret.Text{digest})
	return err == nil && len(missing) == 0, err
}

// selectIn reads the rows of a statement that has one IN (?) for a list of values.
func selectIn[Row, T any](ctx context.Context, pool *sqlx.DB, query string, list []T) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query, args, err := sqlx.In(query, list)
	if err != nil {
		return nil, err
	}
	var rows []Row
	if err := pool.SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, scrub(err)
	}
	return rows, nil
}
