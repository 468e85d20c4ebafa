package db

import "context"

// ExecInSession runs a statement in the writer's session, past the writer.
func (w *Writer) ExecInSession(ctx context.Context, query string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.ExecContext(ctx, query)
	return err
}

// Look is what the writer does again and again to stay alive.
func (w *Writer) Look(ctx context.Context) error { return w.look(ctx) }

// Abandon leaves the connection as one that was lost while the server did not
// notice: it stays open, with its lock.
func (w *Writer) Abandon() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opener.remember(w.self)
}

// Through is how a list makes sure that it advances.
func (c Cursor) Through(page []Tenant) (Cursor, error) { return c.through(page) }
