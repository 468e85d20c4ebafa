package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// session is a connection as the server knows it. A server gives ids again after a
// restart. With the client's address and port, an id means one connection.
type session struct {
	ID   int64  `db:"id"`
	Host string `db:"host"` // with the port; empty if this user may not see it
}

// holder is a connection that holds a lock, as far as this user may see it. Connections
// of other users are visible only with the right PROCESS.
type holder struct {
	session
	User    string         `db:"user"`
	Command string         `db:"command"`
	State   sql.NullString `db:"state"`
	Seconds int64          `db:"time"` // in this state
}

// String describes the holder for an operator.
func (h holder) String() string {
	switch {
	case h.ID == 0:
		return "it was given back just now; try again"
	case h.User == "":
		return fmt.Sprintf("connection %d, which is another user's, or ended just now", h.ID)
	}
	doing := h.Command
	if h.State.String != "" {
		doing += ", " + h.State.String
	}
	return fmt.Sprintf("connection %d of %s at %s (%s) for %d s", h.ID, h.User, h.Host, strings.ToLower(doing), h.Seconds)
}

// holderOf finds out who holds a lock. The zero holder means nobody.
func holderOf(ctx context.Context, q sqlx.QueryerContext, lock string) (holder, error) {
	var id sql.NullInt64
	if err := sqlx.GetContext(ctx, q, &id, "SELECT IS_USED_LOCK(?)", lock); err != nil {
		return holder{}, fmt.Errorf("ask who holds the writer's lock: %w", scrub(err))
	}
	return describe(ctx, q, id.Int64)
}

// describe asks the server about a connection. If the server says nothing, or this user
// may not ask, only the id is set.
func describe(ctx context.Context, q sqlx.QueryerContext, id int64) (holder, error) {
	h := holder{session: session{ID: id}}
	err := sqlx.GetContext(ctx, q, &h, `
SELECT id, host, user, command, state, time FROM information_schema.processlist WHERE id = ?`, id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) && !serverSaid(err) {
		return h, fmt.Errorf("ask about a connection: %w", err)
	}
	return h, nil
}
