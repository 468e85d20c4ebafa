package db

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// revokedAtOnce is for how many tenants older tokens are ended together.
	revokedAtOnce = 50
	// endedAtOnce is how many tokens one statement ends.
	endedAtOnce = 1000
	// spareNone also ends tokens of a host whose clock is ahead.
	spareNone = -24 * time.Hour
)

// Revoked says what happened to the older tokens. The indexes are those of the digests
// given to [Writer.Revoke].
type Revoked struct {
	Ended int // tokens
	// Spared are tenants that keep older tokens, because these are too young: a push of
	// one may still be under way. Revoke them again later.
	Spared []int
	// Behind are tenants for which nothing was ended: the given token does not exist
	// any more, or another one is newer and Zync may hold that one.
	Behind []int
}

// Revoke ends the older sync tokens of the tenants whose tokens with these digests were
// delivered. Legacy tokens end too.
//
// It ends nothing for a tenant unless the newest living token is one of those given. It
// ends no token that was made within the last spare, by MySQL's clock. It ends none of
// those given: so give every token that Zync may hold, for example one whose push timed
// out and may still arrive.
//
// After an error, part of the work may be done. Call it again.
func (w *Writer) Revoke(ctx context.Context, delivered []secret.Text, spare time.Duration) (Revoked, error) {
	var all Revoked
	for first := 0; first < len(delivered); first += revokedAtOnce {
		part, err := w.revoke(ctx, delivered[first:min(len(delivered), first+revokedAtOnce)], spare)
		all.Ended += part.Ended
		if err != nil {
			return all, fmt.Errorf("revoke older sync tokens: %w", err)
		}
		for _, i := range part.Spared {
			all.Spared = append(all.Spared, first+i)
		}
		for _, i := range part.Behind {
			all.Behind = append(all.Behind, first+i)
		}
	}
	return all, nil
}

// RevokeAll ends every living sync token of some tenants, given by their accounts: Zync
// holds a placeholder, and needs none. It returns how many it ended.
//
// After an error, part of the work may be done. Call it again.
func (w *Writer) RevokeAll(ctx context.Context, accounts []int64) (ended int, err error) {
	for batch := range slices.Chunk(accounts, revokedAtOnce) {
		n, err := w.endOlder(ctx, batch, []string{""}, spareNone) // no token has an empty digest
		ended += n
		if err != nil {
			return ended, fmt.Errorf("revoke sync tokens: %w", err)
		}
	}
	return ended, nil
}

func (w *Writer) revoke(ctx context.Context, delivered []secret.Text, spare time.Duration) (r Revoked, err error) {
	given := values(delivered)
	tenants, err := w.tenantsOf(ctx, given)
	if err != nil {
		return r, err
	}
	newest, err := w.newestOf(ctx, slices.Collect(maps.Values(tenants)))
	if err != nil {
		return r, err
	}
	var safe []int64 // accounts whose newest token is given
	for i, value := range given {
		if account, alive := tenants[value]; alive && slices.Contains(given, newest[account]) {
			safe = append(safe, account)
		} else {
			r.Behind = append(r.Behind, i)
		}
	}
	if len(safe) == 0 {
		return r, nil
	}
	if r.Ended, err = w.endOlder(ctx, safe, given, spare); err != nil {
		return r, err
	}
	left, err := w.withOlder(ctx, safe, given)
	for i, value := range given {
		if account, alive := tenants[value]; alive && slices.Contains(left, account) {
			r.Spared = append(r.Spared, i)
		}
	}
	return r, err
}

// tenantsOf returns the accounts of those given tokens that have not expired.
func (w *Writer) tenantsOf(ctx context.Context, given []string) (map[string]int64, error) {
	var rows []struct {
		Value   string `db:"value"`
		Account int64  `db:"account_id"`
	}
	err := w.selectIn(ctx, &rows, `
SELECT t.value, u.account_id FROM access_tokens t JOIN users u ON u.id = t.owner_id
 WHERE t.value IN (?) AND u.account_id IS NOT NULL AND `+lives, given)
	tenants := make(map[string]int64, len(rows))
	for _, row := range rows {
		tenants[row.Value] = row.Account
	}
	return tenants, err
}

// tokensOf selects the living sync tokens of some accounts, of any user.
const tokensOf = `
  FROM users u JOIN access_tokens t ON t.owner_id = u.id
 WHERE u.account_id IN (?) AND ` + isSyncToken + ` AND ` + lives

// newestOf returns the digest of each account's newest living sync token. If two were
// made in the same second, the higher id is the newer one.
func (w *Writer) newestOf(ctx context.Context, accounts []int64) (map[int64]string, error) {
	if len(accounts) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	var rows []struct {
		Account int64        `db:"account_id"`
		Created sql.NullTime `db:"created"`
		Value   string       `db:"value"`
	}
	err := w.selectIn(ctx, &rows, `
SELECT n.account_id, n.created, n.value FROM (
  SELECT u.account_id, t.created_at AS created, t.value,
         ROW_NUMBER() OVER (PARTITION BY u.account_id ORDER BY t.created_at DESC, t.id DESC) AS place`+tokensOf+`) n
 WHERE n.place = 1`, accounts)
	newest := make(map[int64]string, len(rows))
	for _, row := range rows {
		newest[row.Account] = row.Value
	}
	return newest, err
}

// endOlder ends the other tokens of some accounts, except those that are too young.
func (w *Writer) endOlder(ctx context.Context, accounts []int64, given []string, spare time.Duration) (ended int, err error) {
	for {
		var ids []int64
		err := w.selectIn(ctx, &ids, `SELECT t.id`+tokensOf+` AND t.value NOT IN (?)
 AND (t.created_at IS NULL OR t.created_at <= UTC_TIMESTAMP() - INTERVAL ? SECOND) LIMIT ?`,
			accounts, given, int64(spare/time.Second), endedAtOnce)
		if err != nil || len(ids) == 0 {
			return ended, err
		}
		slices.Sort(ids) // locked in the order in which Porta locks them
		n, err := w.end(ctx, ids)
		ended += n
		if err != nil || n == 0 || len(ids) < endedAtOnce {
			return ended, err
		}
	}
}

// end expires sync tokens.
func (w *Writer) end(ctx context.Context, ids []int64) (int, error) {
	return execIn(ctx, w, `
UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND, updated_at = UTC_TIMESTAMP()
 WHERE id IN (?) AND `+isSyncToken, ids)
}

// withOlder returns the accounts that still have other tokens.
func (w *Writer) withOlder(ctx context.Context, accounts []int64, given []string) (left []int64, err error) {
	err = w.selectIn(ctx, &left, `SELECT DISTINCT u.account_id`+tokensOf+` AND t.value NOT IN (?)`, accounts, given)
	return left, err
}

// selectIn reads rows through the writer. The query has one IN (?) for each list among
// the arguments.
func (w *Writer) selectIn(ctx context.Context, rows any, query string, args ...any) error {
	query, args, err := sqlx.In(query, args...)
	if err != nil {
		return err
	}
	return w.do(ctx, func(ctx context.Context) error { return w.conn.SelectContext(ctx, rows, query, args...) })
}
