package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/token-scheduler/token-scheduler/db"
)

// alive is true while the server keeps the connection. The server closes it when the
// process is dead, or has been silent for twice the lease's life.
func (w *Writer) alive() bool {
	left := !w.orphaned.IsZero() && time.Since(w.orphaned) > 2*w.life
	return !w.porta.proc.isDead() && w.porta.proc.silence() <= 2*w.life && !left
}

// orphan leaves the connection without closing it. The server notices later, see alive.
func (w *Writer) orphan() {
	w.porta.data.mu.Lock()
	defer w.porta.data.mu.Unlock()
	w.orphaned = time.Now()
}

func (p *Process) isDead() bool { return p != nil && p.Dead() }

func (p *Process) silence() time.Duration {
	if p == nil {
		return 0
	}
	return p.silentFor()
}

// exec carries out a statement if the connection still holds its lock.
func (w *Writer) exec(ctx context.Context, do func(d *portaData)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost != nil {
		return w.lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	// The server closes the connection of a process that is paused for too long.
	frozen := w.porta.proc.silence() > 2*w.life
	var err error
	var refused error
	if gateErr := w.porta.proc.gate(); gateErr != nil || frozen {
		err = ErrNetwork
	} else {
		err = call(ctx, w.porta.proc, w.porta.Server, func() error {
			d := w.porta.data
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.writers[w.lock] != w || d.restarts != w.restarts {
				return ErrNetwork
			}
			if d.readOnly {
				refused = &mysql.MySQLError{Number: 1290, Message: "The MySQL server is running with the --read-only option"}
				return nil
			}
			do(d)
			return nil
		})
	}
	if err == nil {
		return refused
	}
	w.lost = fmt.Errorf("%w: %w", db.ErrWriterLost, err)
	w.orphan()
	return w.lost
}

func (w *Writer) drop() {
	d := w.porta.data
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.writers[w.lock] == w {
		delete(d.writers, w.lock)
	}
}

// Lost implements the writer of rotate. The real writer pings its connection, so it
// notices a restart without being used.
func (w *Writer) Lost() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.porta.data
	d.mu.Lock()
	defer d.mu.Unlock()
	if w.lost == nil && d.restarts != w.restarts {
		w.lost = fmt.Errorf("%w: %w", db.ErrWriterLost, ErrNetwork)
	}
	return w.lost
}

// Close implements the writers of both tasks.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost == nil && !w.porta.proc.isDead() {
		w.drop()
	}
	w.lost = db.ErrWriterLost
	return nil
}
