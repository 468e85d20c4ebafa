package db

import (
	"database/sql"
	"fmt"
)

// Cursor is a place in the list of tenants. The zero Cursor is its beginning.
type Cursor struct {
	started bool // the master account, which comes first, is behind
	created sql.NullString
	id      int64
}

// After is the place behind a tenant.
func After(t Tenant) Cursor {
	if t.Master {
		return Cursor{started: true}
	}
	return Cursor{started: true, created: t.Created, id: t.ID}
}

// Before tells whether the place lies before a tenant.
func (c Cursor) Before(t Tenant) bool {
	switch {
	case !c.started:
		return true
	case t.Master:
		return false
	case c.created.Valid != t.Created.Valid:
		return t.Created.Valid // NULL sorts first
	case c.created.String != t.Created.String:
		return c.created.String < t.Created.String // one column's: in the order of time
	}
	return c.id < t.ID
}

// through returns the place behind a page. The page must lie behind c and be in
// order; [ErrNotAdvancing] says that it is not.
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
