package rotate

import (
	"context"
	"slices"

	"github.com/token-scheduler/token-scheduler/db"
)

// everyone lists all tenants: from where the last rotation stopped to the end
// of the list, and then from its beginning to that place.
type everyone struct {
	tenants Tenants
	begun   *db.Tenant // where the walk began; nil at the list's beginning
	wrapped bool
	cursor  db.Cursor // behind the tenants read
	taken   db.Cursor // behind the tenants handed out
}

// newEveryone begins behind the tenant with an id; zero is the beginning.
func newEveryone(ctx context.Context, tenants Tenants, id int64) (*everyone, error) {
	e := &everyone{tenants: tenants}
	if id == 0 {
		return e, nil
	}
	found, err := tenants.ByID(ctx, []int64{id})
	if err != nil || len(found) == 0 {
		return e, err // deleted meanwhile: begin at the beginning
	}
	e.begun = &found[0]
	e.cursor = db.After(found[0])
	e.taken = e.cursor
	return e, nil
}

func (e *everyone) read(ctx context.Context) ([]db.Tenant, error) {
	for {
		page, next, err := e.tenants.Page(ctx, e.cursor, pageSize)
		if err != nil {
			return nil, err
		}
		e.cursor = next
		page = e.upToBegun(page)
		if len(page) > 0 {
			return page, nil
		}
		if e.begun == nil || e.wrapped {
			return nil, nil
		}
		e.wrapped, e.cursor, e.taken = true, db.Cursor{}, db.Cursor{}
	}
}

// upToBegun removes from a page the tenants that the walk has read before it began anew.
func (e *everyone) upToBegun(page []db.Tenant) []db.Tenant {
	if !e.wrapped {
		return page
	}
	limit := db.After(*e.begun)
	for i, tenant := range page {
		if limit.Before(tenant) {
			return page[:i]
		}
	}
	return page
}

func (e *everyone) rewind() { e.cursor = e.taken }

func (e *everyone) handedOut(tenant db.Tenant) { e.taken = db.After(tenant) }

// chosen lists the tenants that were named.
type chosen struct {
	tenants Tenants
	left    []int64 // not yet handed out
}

func (c *chosen) read(ctx context.Context) ([]db.Tenant, error) {
	for len(c.left) > 0 {
		n := min(len(c.left), pageSize)
		page, err := c.tenants.ByID(ctx, c.left[:n])
		if err != nil || len(page) > 0 {
			return page, err
		}
		c.left = c.left[n:] // deleted since the run began
	}
	return nil, nil
}

func (*chosen) rewind() {}

func (c *chosen) handedOut(tenant db.Tenant) {
	c.left = slices.DeleteFunc(c.left, func(id int64) bool { return id == tenant.ID })
}
