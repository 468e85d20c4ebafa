package db

import (
	"database/sql"
	"fmt"
)

// Cursor is a place in the list of tenants. The zero Cursor is its beginning.
type Cursor struct {
	started bool // past the master account, which comes first
	created sql.NullString
	id      int64
}

// After is the place after a tenant.
func After(t Tenant) Cursor {
	if t.Master {
		return Cursor{started: true}
	}
	return Cursor{started: true, created: t.Created, id: t.ID}
}

// Before tells whether the place is before a tenant.
func (c Cursor) Before(t Tenant) bool {
	switch {
	case !c.started:
		return true
	case t.Master:
		return false
	case c.created.Valid != t.Created.Valid:
		return t.Created.Valid // NULL sorts first
	case c.created.String != t.Created.String:
		return c.created.String < t.Created.String // both from one column, so the order of text is the order of time
	}
	return c.id < t.ID
}

// through returns the place after a page. The page must come after c and be in order.
// If it is not, the error is [ErrNotAdvancing].
func (c Cursor) through(page []Tenant) (Cursor, error) {
	next := c
	for _, t := range page {
		if !next.Before(t) {
			return c, fmt.Errorf("%w: account %d, created %s, came again", ErrNotAdvancing, t.ID, t.Created.String)
		}
		next = After(t)
	}
	return next, nil
}
