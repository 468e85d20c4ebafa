package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-sql-driver/mysql"
)

// exec runs one statement that changes rows, and returns how many it changed.
func (w *Writer) exec(ctx context.Context, query string, args ...any) (n int, err error) {
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

// do carries out one statement, on the writer's connection and no other, again
// where it gave way to another transaction.
func (w *Writer) do(ctx context.Context, statement func(ctx context.Context) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for try := 1; ; try++ {
		err := w.doOnce(ctx, statement)
		if err == nil || try == conflictTries || !gaveWay(err) {
			return err
		}
		pause := time.NewTimer(time.Duration(try) * rand.N(20*time.Millisecond))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}

func (w *Writer) doOnce(ctx context.Context, statement func(ctx context.Context) error) error {
	if w.lost != nil {
		return w.lost
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	// A statement that was sent is waited for, even where ctx ends: to abandon it
	// is to lose the connection, and the knowledge of what it did.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	err := statement(bounded)
	switch {
	case err == nil:
		return nil
	case serverSaid(err) && !closing(err):
		return scrub(err)
	}
	w.lost = fmt.Errorf("%w: %w", ErrWriterLost, scrub(err))
	w.discard()
	return w.lost
}

// gaveWay tells whether the server undid the statement in favour of another
// transaction: a deadlock or a lock's time-out.
func gaveWay(err error) bool {
	var refusal *mysql.MySQLError
	return errors.As(err, &refusal) && (refusal.Number == 1213 || refusal.Number == 1205)
}

// closing tells whether the server's answer is that it closes the connection:
// shutdown (1053), killed (1927 and 3169), idle for too long (4031).
func closing(err error) bool {
	var refusal *mysql.MySQLError
	if !errors.As(err, &refusal) {
		return false
	}
	switch refusal.Number {
	case 1053, 1927, 3169, 4031:
		return true
	}
	return false
}
