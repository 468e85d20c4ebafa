package db

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// errTooLarge means that a statement was not sent: the server would refuse it and close
// the connection.
var errTooLarge = errors.New("the statement is larger than the server's max_allowed_packet")

// exec runs one statement that changes rows, and returns how many it changed.
func (w *Writer) exec(ctx context.Context, query string, args ...any) (n int, err error) {
	if sizeOf(query, args) > w.packet {
		return 0, errTooLarge
	}
	err = w.do(ctx, func(ctx context.Context) error {
		result, err := w.conn.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		changed, err := result.RowsAffected()
		n = int(changed)
		return err
	})
	return n, err
}

// sizeOf is an upper bound for a statement's size in bytes, with its arguments.
func sizeOf(query string, args []any) int {
	const number = 32 // or a date, with quotes
	size := len(query)
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			size += 2*len(text) + 2 // each byte may need an escape
			continue
		}
		size += number
	}
	return size
}

// do runs one statement on the writer's connection. It tries again if the statement
// lost to another transaction.
func (w *Writer) do(ctx context.Context, statement func(ctx context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return retryConflicts(ctx, func() error { return w.doOnce(ctx, statement) })
}

// retryConflicts runs a statement, and again if it lost to another transaction.
func retryConflicts(ctx context.Context, statement func() error) error {
	for try := 1; ; try++ {
		err := statement()
		if err == nil || try == conflictTries || !gaveWay(err) || !pause(ctx, time.Duration(try)*rand.N(20*time.Millisecond)) {
			return err
		}
	}
}

// pause waits, and returns false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (w *Writer) doOnce(ctx context.Context, statement func(ctx context.Context) error) error {
	if w.lost != nil {
		return w.lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A statement that was sent is waited for, even if ctx ends. To abandon it means to
	// lose the connection, and to not know what it did.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := statement(bounded)
	switch {
	case err == nil:
		return nil
	case serverSaid(err) && !useless(err):
		return scrub(err)
	}
	return w.lose(scrub(err))
}

// gaveWay tells whether the server undid the statement in favour of another
// transaction: a deadlock or a lock's time-out.
func gaveWay(err error) bool {
	n := number(err)
	return n == 1213 || n == 1205
}

// useless tells whether the connection can't be used for writing any more. The server
// closes it, or has become a replica. A new connection may find the primary.
func useless(err error) bool {
	switch number(err) {
	case 1053, 1153, 1927, 3169, 4031: // shutdown, packet too large, killed, idle for too long
		return true
	}
	return ReadOnly(err)
}
