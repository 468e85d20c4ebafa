package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

var (
	// ErrFenced means that another connection holds the task's lock, so we may not
	// write. The error's text says who it is.
	ErrFenced = errors.New("another scheduler holds the writer's lock in MySQL")
	// ErrWriterLost means that the writer's connection is gone, and its lock with it.
	// Nobody knows whether its last statement took effect.
	ErrWriterLost = errors.New("lost the connection that holds the writer's lock")
)

const (
	writeTimeout = 10 * time.Second // one statement, its retries not counted
	// writeLimit makes MariaDB end a statement before we give it up, so that we keep
	// the connection and its lock.
	writeLimit   = 8 * time.Second
	closeTimeout = 2 * time.Second
	// conflictTries limits how often a statement is tried that lost a deadlock (1213)
	// or waited in vain for a lock (1205).
	conflictTries = 10
)

// Writer is the one connection through which a task changes rows. It holds GET_LOCK
// until it is closed. So if two schedulers both believe that they lead, only one can
// write. It is never replaced silently: once it is lost, every call returns
// [ErrWriterLost].
type Writer struct {
	conn   *sqlx.Conn
	self   session
	lock   string
	packet int // the server's max_allowed_packet
	opener *Writers

	mu    sync.Mutex // one statement at a time
	clock clock
	lost  error

	stop context.CancelFunc
	done chan struct{}
}

// Skew is how far MySQL's clock was ahead of ours when the writer last looked.
func (w *Writer) Skew() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock.skew
}

// Lost returns nil while the writer can be used, and otherwise the reason.
func (w *Writer) Lost() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// keepAlive reads the server's clock regularly, so that the server does not close the
// connection as idle.
func (w *Writer) keepAlive(ctx context.Context, every time.Duration) {
	defer close(w.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.look(ctx); errors.Is(err, ErrWriterLost) {
			return
		}
	}
}

// Close releases the lock and closes the connection. It may be called twice.
func (w *Writer) Close() error {
	w.stop()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	// SELECT and not DO, because Vitess knows lock functions only there.
	_, err := w.conn.ExecContext(ctx, "SELECT RELEASE_LOCK(?)", w.lock)
	if err != nil {
		err = fmt.Errorf("release the writer's lock: %w", scrub(err))
		w.opener.remember(w.self)
	}
	w.lost = ErrWriterLost
	w.discard()
	return err
}

// lose closes the connection for a reason. The caller holds w.mu.
func (w *Writer) lose(reason error) error {
	w.lost = fmt.Errorf("%w: %w", ErrWriterLost, reason)
	w.discard()
	if !serverSaid(reason) {
		// The server may not know it yet, and go on with the statement and the lock for
		// as long as that takes.
		w.opener.bury(w.self)
	}
	return w.lost
}

// discard closes the connection. It does not go back to the pool, because it has the
// session's settings and perhaps still the lock.
func (w *Writer) discard() {
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
}
