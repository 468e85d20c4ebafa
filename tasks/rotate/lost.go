package rotate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// Lost returns the tenants whose delivered token Porta no longer has. It looks for one of the
// last tokens, and for all of them after MySQL was restarted or replaced. If one is gone, and
// once after the program's start, it compares the ledger with the tokens in MySQL, tenant by
// tenant. One call may run at a time.
func (r *Rotation) Lost(ctx context.Context) ([]int64, error) {
	gone, err := r.look(ctx)
	if err != nil || !r.watch.suspicious() {
		return nil, err
	}
	lost, err := r.compare(ctx)
	if err != nil {
		return nil, fmt.Errorf("compare deliveries with the tokens in MySQL: %w", err)
	}
	waiting, err := r.unmended(ctx)
	if err != nil {
		return nil, err
	}
	r.watch.compared(gone, r.o.Now())
	lost = slices.Concat(lost, gone, waiting)
	slices.Sort(lost)
	return slices.Compact(lost), nil
}

// Unmended makes the next look compare the ledger with MySQL, and return these tenants again
// unless they are served meanwhile. Their new tokens may be in MySQL and not at Zync. A
// comparison alone would not find that.
func (r *Rotation) Unmended(tenants []int64) { r.watch.leave(tenants) }

// unmended returns the tenants that were not served since their lost token was noticed.
func (r *Rotation) unmended(ctx context.Context) ([]int64, error) {
	waiting := r.watch.left()
	ids := slices.Sorted(maps.Keys(waiting))
	rows, err := rowsOf(ctx, r.o.Tenants, ids)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id int64) bool { return !rows[id].OwnerID.Valid })
	served, err := r.o.Ledger.Deliveries(ctx, ids)
	if err != nil {
		return nil, err
	}
	var still []int64
	for i, id := range ids {
		if served[i].Before(waiting[id]) {
			still = append(still, id)
		}
	}
	return still, nil
}

// look returns the tenants of the last deliveries whose tokens are gone.
func (r *Rotation) look(ctx context.Context) (gone []int64, err error) {
	w := &r.watch
	server, err := r.o.Tokens.Identity(ctx)
	if err != nil {
		return nil, err
	}
	if w.server == (db.Identity{}) {
		w.suspect() // what was lost before the program's start?
	}
	sought := w.sought(!w.server.Same(server))
	digests := make([]secret.Text, len(sought))
	for i, t := range sought {
		digests[i] = t.digest
	}
	missing, err := r.o.Tokens.Missing(ctx, digests)
	if err != nil {
		return nil, err
	}
	w.server = server
	for _, i := range missing {
		gone = append(gone, sought[i].tenant.ID)
	}
	if gone, err = r.unmarked(ctx, gone); err != nil {
		return nil, err
	}
	if len(gone) > 0 {
		w.suspect()
	}
	return gone, nil
}

// compare walks through all tenants. It returns those whose last delivery in the ledger is
// younger than the owner's newest sync token. If Porta's own token is younger, it has
// replaced ours at Zync, and nothing is lost.
func (r *Rotation) compare(ctx context.Context) (lost []int64, err error) {
	var cursor db.Cursor
	for {
		page, next, err := r.o.Tenants.Page(ctx, cursor, pageSize)
		if err != nil || len(page) == 0 {
			return lost, err
		}
		found, err := r.lostOf(ctx, page)
		if err != nil {
			return nil, err
		}
		lost, cursor = append(lost, found...), next
	}
}

func (r *Rotation) lostOf(ctx context.Context, page []db.Tenant) (lost []int64, err error) {
	ids := make([]int64, len(page))
	for i, tenant := range page {
		ids[i] = tenant.ID
	}
	minted, err := r.o.Ledger.Minted(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := r.o.Now()
	delivered := map[int64]time.Time{} // minted then, by tenant
	for i, id := range ids {
		if at := ledger.Believable(minted[i], now); now.Sub(at) < r.o.TTL {
			delivered[id] = at
		}
	}
	rows, err := rowsOf(ctx, r.o.Tenants, slices.DeleteFunc(ids, func(id int64) bool { return delivered[id].IsZero() }))
	if err != nil {
		return nil, err
	}
	owners := map[int64]int64{} // tenants by owner
	for id, row := range rows {
		if row.OwnerID.Valid {
			owners[row.OwnerID.Int64] = id
		}
	}
	newest, err := r.o.Tokens.Newest(ctx, slices.Sorted(maps.Keys(owners)))
	if err != nil {
		return nil, err
	}
	for owner, id := range owners {
		if newest[owner].Add(r.tolerance()).Before(delivered[id]) {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	return lost, nil
}

// tolerance is how much MySQL's clock, which dates the tokens, may differ from ours.
func (r *Rotation) tolerance() time.Duration { return min(2*time.Minute, r.o.TTL/50) }

// Mend returns a rotation for tenants whose tokens were lost.
func (r *Rotation) Mend(ids []int64) tasks.Task {
	o := r.o
	o.Only, o.Force = ids, true
	return r.related(o)
}
