package rotate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// pageSize is how many tenants are read at a time.
	pageSize = 2000
	// pageAge is how long a page is good for: an owner that was read may be
	// deleted, and a token that belongs to nobody is one that Porta refuses.
	pageAge = 30 * time.Second
)

// verdict says what a run has to do for a tenant.
type verdict int

const (
	due     verdict = iota
	already         // served earlier in the window
	noOwner         // no admin for a token to belong to
)

// planned is a tenant with the verdict on it.
type planned struct {
	tenant  db.Tenant
	verdict verdict
	served  time.Time // last delivery; zero where none is known
	after   int64     // the tenant before it in the walk; zero for the first
	readAt  time.Time // when the row was read
}

// read takes over a row that was read with its owner, for a tenant that is to be
// served if it has one.
func (p *planned) read(row db.Tenant, at time.Time) {
	p.tenant, p.readAt, p.verdict = row, at, due
	if !row.OwnerID.Valid {
		p.verdict = noOwner
	}
}

// rowsOf reads tenants with their owners; those that are no more are left out.
func rowsOf(ctx context.Context, tenants Tenants, ids []int64) (map[int64]db.Tenant, error) {
	found, err := tenants.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make(map[int64]db.Tenant, len(found))
	for _, row := range found {
		rows[row.ID] = row
	}
	return rows, nil
}

// servedInWindow tells for each tenant's last delivery whether it is one of the
// window. One that lies in the future is not known to be any.
func servedInWindow(served []time.Time, window tasks.Window, now time.Time) []bool {
	in := make([]bool, len(served))
	for i, at := range served {
		served[i] = ledger.Believable(at, now)
		in[i] = !served[i].IsZero() && !served[i].Before(window.Start)
	}
	return in
}

// plan walks the tenants of a run.
type plan struct {
	o      *Options
	window tasks.Window
	source source

	page    []planned // read and not yet handed out
	readAt  time.Time
	ended   bool  // the source has no more
	begunAt int64 // the tenant behind which the walk began; zero for the first
	last    int64 // the last tenant handed out, at first begunAt
}

// source yields tenants a page at a time; an empty page is the end.
type source interface {
	read(ctx context.Context) ([]db.Tenant, error)
	// rewind makes the next read begin behind the tenants handed out.
	rewind()
	// handedOut says that the run has taken a tenant up.
	handedOut(tenant db.Tenant)
}

func newPlan(ctx context.Context, o *Options, run tasks.Run) (*plan, error) {
	p := &plan{o: o, window: run.Window}
	if len(o.Only) > 0 {
		p.source = &chosen{tenants: o.Tenants, left: slices.Clone(o.Only)}
		return p, p.missing(ctx)
	}
	id, err := o.Bookmark.Resume(ctx)
	if err != nil {
		return nil, err
	}
	all, err := newEveryone(ctx, o.Tenants, id)
	p.source, p.begunAt, p.last = all, id, id
	return p, err
}

// missing refuses a run for accounts that are no tenants.
func (p *plan) missing(ctx context.Context) error {
	rows, err := rowsOf(ctx, p.o.Tenants, p.o.Only)
	if err != nil {
		return err
	}
	var unknown []int64
	for _, id := range p.o.Only {
		if _, known := rows[id]; !known {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("not tenants: %v (want ids of accounts that are providers or the master)", unknown)
	}
	return nil
}

// next hands out up to n tenants that are due, none at the end, and counts into
// t the others that it meets.
func (p *plan) next(ctx context.Context, n int, t *tally) ([]planned, error) {
	batch := make([]planned, 0, min(n, pageSize))
	for len(batch) < n {
		if len(p.page) > 0 && p.o.Now().Sub(p.readAt) > pageAge {
			p.page = nil
			p.source.rewind()
		}
		if len(p.page) == 0 {
			if err := p.read(ctx); err != nil || p.ended {
				return batch, err
			}
			continue // it may be that all on the page were deleted meanwhile
		}
		head := p.page[0]
		p.page = p.page[1:]
		head.after, p.last = p.last, head.tenant.ID
		p.source.handedOut(head.tenant)
		if head.verdict == due {
			batch = append(batch, head)
		} else {
			t.skip(head)
		}
	}
	return batch, nil
}

func (p *plan) read(ctx context.Context) error {
	if p.ended {
		return nil
	}
	tenants, err := p.source.read(ctx)
	if err != nil {
		return err
	}
	if p.ended = len(tenants) == 0; p.ended {
		return nil
	}
	ids := make([]int64, len(tenants))
	for i, tenant := range tenants {
		ids[i] = tenant.ID
	}
	served, err := p.o.Ledger.Deliveries(ctx, ids)
	if err != nil {
		p.source.rewind()
		return err
	}
	p.readAt = p.o.Now()
	if p.page, err = p.decide(ctx, tenants, served); err != nil {
		p.source.rewind()
	}
	return err
}

// decide says what to do for each tenant of a page. It looks up the owners of
// those alone for whom there is something to do.
func (p *plan) decide(ctx context.Context, tenants []db.Tenant, served []time.Time) ([]planned, error) {
	done := servedInWindow(served, p.window, p.readAt)
	ids := make([]int64, 0, len(tenants))
	for i, tenant := range tenants {
		if p.o.Force || !done[i] {
			ids = append(ids, tenant.ID)
		}
	}
	rows, err := rowsOf(ctx, p.o.Tenants, ids)
	if err != nil {
		return nil, err
	}
	page := make([]planned, 0, len(tenants))
	for i, tenant := range tenants {
		entry := planned{tenant: tenant, verdict: already, served: served[i], readAt: p.readAt}
		if p.o.Force || !done[i] {
			row, found := rows[tenant.ID]
			if !found {
				continue // deleted between the two looks
			}
			entry.read(row, p.readAt)
		}
		page = append(page, entry)
	}
	return page, nil
}
