package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrClockStepped comes with [ErrWriterLost]. MySQL's clock was set, or differs too
// much from ours. Tokens that were inserted since the writer's last look at the clock
// may have expired already. Look them up with [Tokens.Missing] before you push them.
var ErrClockStepped = errors.New("MySQL's clock is wrong or was set")

// maxStep is the largest difference between the server's clock and our monotonic clock
// from one look to the next.
const maxStep = time.Minute

// clock is what the server's clock showed at one look.
type clock struct {
	server time.Time
	ours   time.Time     // with its monotonic reading
	skew   time.Duration // the server's minus ours
}

// next compares a later look with this one. The error is [ErrClockStepped].
func (c clock) next(server, ours time.Time, maxSkew time.Duration) (clock, error) {
	next := clock{server: server, ours: ours, skew: server.Sub(ours.Round(0))}
	if next.skew.Abs() > maxSkew {
		return next, fmt.Errorf("%w: it differs from this machine's by %s: correct both", ErrClockStepped, next.skew.Round(time.Second))
	}
	if c.server.IsZero() {
		return next, nil
	}
	if step := server.Sub(c.server) - ours.Sub(c.ours); step.Abs() > maxStep {
		return next, fmt.Errorf("%w: it jumped by %s", ErrClockStepped, step.Round(time.Second))
	}
	return next, nil
}

// look reads the server's clock. If the clock was set, the writer is given up.
func (w *Writer) look(ctx context.Context) error {
	var server, ours time.Time
	err := w.do(ctx, func(ctx context.Context) error {
		err := w.conn.GetContext(ctx, &server, "SELECT UTC_TIMESTAMP(6)")
		ours = time.Now()
		return err
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost != nil {
		return w.lost
	}
	next, err := w.clock.next(server, ours, w.opener.o.MaxSkew)
	if err != nil {
		return w.lose(err)
	}
	w.clock = next
	return nil
}
