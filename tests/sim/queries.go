package sim

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// queryTimeout is how long a statement may take.
const queryTimeout = 10 * time.Second

func (p *Porta) query(ctx context.Context, do func(d *portaData) error) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := call(ctx, p.proc, p.Server, func() error {
		p.data.mu.Lock()
		defer p.data.mu.Unlock()
		return do(p.data)
	})
	return err
}

// Page implements the tenants of rotate.
func (p *Porta) Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error) {
	var page []db.Tenant
	err := p.query(ctx, func(d *portaData) error {
		for _, t := range d.tenants { // they are in the order of their creation
			if after.Before(t) && len(page) < limit {
				page = append(page, t)
			}
		}
		return nil
	})
	if len(page) > 0 {
		after = db.After(page[len(page)-1])
	}
	return page, after, err
}

// ByID implements the tenants of rotate.
func (p *Porta) ByID(ctx context.Context, ids []int64) ([]db.Tenant, error) {
	var found []db.Tenant
	err := p.query(ctx, func(d *portaData) error {
		wanted := make(map[int64]bool, len(ids))
		for _, id := range ids {
			wanted[id] = true
		}
		for _, t := range d.tenants {
			if wanted[t.ID] {
				found = append(found, t)
			}
		}
		return nil
	})
	return found, err
}

// Strays implements the tenants of rotate. There are no accounts that a rotation leaves
// out.
func (p *Porta) Strays(ctx context.Context) ([]int64, error) {
	return nil, p.query(ctx, func(*portaData) error { return nil })
}

// Missing implements the tokens of rotate. It returns the indices of those that do not
// live.
func (p *Porta) Missing(ctx context.Context, digests []secret.Text) (missing []int, err error) {
	err = p.query(ctx, func(d *portaData) error {
		for i, digest := range digests {
			if token, found := d.tokens[digest.Reveal()]; !found || !token.Lives(time.Now()) {
				missing = append(missing, i)
			}
		}
		return nil
	})
	return missing, err
}

// Newest implements the tokens of rotate.
func (p *Porta) Newest(ctx context.Context, owners []int64) (newest map[int64]time.Time, err error) {
	newest = map[int64]time.Time{}
	err = p.query(ctx, func(d *portaData) error {
		wanted := make(map[int64]bool, len(owners))
		for _, owner := range owners {
			wanted[owner] = true
		}
		for _, t := range d.tokens {
			if wanted[t.OwnerID] && t.Lives(time.Now()) && t.Created.After(newest[t.OwnerID]) {
				newest[t.OwnerID] = t.Created
			}
		}
		return nil
	})
	return newest, err
}

// Identity implements the tokens of rotate. It differs after each restart.
func (p *Porta) Identity(ctx context.Context) (id db.Identity, err error) {
	err = p.query(ctx, func(d *portaData) error {
		id = db.Identity{Server: "sim", Started: time.Unix(int64(d.restarts)*1000, 0)}
		return nil
	})
	return id, err
}

// Count implements the tenants of rotate.
func (p *Porta) Count(ctx context.Context) (n int, err error) {
	err = p.query(ctx, func(d *portaData) error { n = len(d.tenants); return nil })
	return n, err
}

// StaleTokens lists stale tokens for the janitor.
type StaleTokens struct{ porta *Porta }

// Stale returns what lists stale tokens.
func (p *Porta) Stale() StaleTokens { return StaleTokens{p} }

// Page implements the stale tokens of janitor.
func (s StaleTokens) Page(ctx context.Context, after int64, now time.Time, rows int) (page []db.StaleToken, next int64, err error) {
	next = after
	err = s.porta.query(ctx, func(d *portaData) error {
		var ahead []*Token
		for _, t := range d.tokens {
			if t.ID > after {
				ahead = append(ahead, t)
			}
		}
		slices.SortFunc(ahead, func(a, b *Token) int { return cmp.Compare(a.ID, b.ID) })
		for _, t := range ahead[:min(len(ahead), rows)] {
			next = t.ID
			if t.Expires.IsZero() || expired(t, now) {
				page = append(page, db.StaleToken{
					ID: t.ID, Legacy: t.Expires.IsZero(), CreatedAt: sql.NullTime{Time: t.Created, Valid: true},
					TenantID: sql.NullInt64{Int64: t.TenantID, Valid: true},
				})
			}
		}
		return nil
	})
	return page, next, err
}

// expired is true if both clocks say so: MySQL's, and the scheduler's in now.
func expired(t *Token, now time.Time) bool {
	return !t.Expires.IsZero() && t.Expires.Before(time.Now()) && t.Expires.Before(now)
}
