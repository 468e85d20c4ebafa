package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

var (
	// ErrFenced says that another connection holds the task's lock: somebody
	// else may write, and we may not.
	ErrFenced = errors.New("another scheduler holds the writer's lock in MySQL")
	// ErrWriterLost says that the writer's connection is gone and its lock with
	// it. Whether its last statement took effect is not known.
	ErrWriterLost = errors.New("lost the connection that holds the writer's lock")
)

const (
	writeTimeout = 10 * time.Second // one statement, its retries not counted
	closeTimeout = 2 * time.Second
	// lockWait is how long a statement may wait for a row before it gives way;
	// Porta's own transactions on these rows last milliseconds.
	lockWait = 5
	// conflictTries bounds how often a statement is tried that lost a deadlock
	// (1213) or waited in vain for a lock (1205).
	conflictTries = 10
	// maxLockName is MySQL's limit on the name given to GET_LOCK.
	maxLockName = 64
)

// Writer is the one connection through which a task changes rows. It holds
// GET_LOCK for as long as it lives, so that of two schedulers that both believe
// to lead only one can write. It is never replaced behind the caller's back: once
// lost, every call returns [ErrWriterLost].
type Writer struct {
	conn *sqlx.Conn
	lock string
	skew time.Duration

	mu   sync.Mutex // one statement at a time
	lost error

	stop context.CancelFunc
	done chan struct{}
}

// LockName is the name of GET_LOCK for a task of an installation: the two
// joined, or a digest of them where MySQL's 64 characters do not hold that.
func LockName(installation, task string) string {
	name := "token-scheduler:" + installation + ":" + task
	if len(name) <= maxLockName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return "token-scheduler:" + hex.EncodeToString(sum[:])[:maxLockName-len("token-scheduler:")]
}

// WriterOptions describe a writer.
type WriterOptions struct {
	// Lock is the name for GET_LOCK, by [LockName].
	Lock string
	// LeaseLife is the life of the lease under which the caller works: the
	// server closes a writer that says nothing for twice as long, so that one
	// that is frozen or cut off keeps nobody waiting.
	LeaseLife time.Duration
	// MaxSkew is how far MySQL's clock and ours may differ before no writer is
	// to be had: the rows' times are the server's, and whichever clock is wrong,
	// tokens must live.
	MaxSkew time.Duration
}

// OpenWriter takes a connection of its own and the lock on it. The error is
// [ErrFenced] where another holds the lock.
func OpenWriter(ctx context.Context, pool *sqlx.DB, o WriterOptions) (*Writer, error) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	conn, err := pool.Connx(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect the writer: %w", scrub(err))
	}
	w := &Writer{conn: conn, lock: o.Lock, done: make(chan struct{})}
	if err := w.prepare(ctx, o); err != nil {
		w.discard()
		return nil, err
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	go w.keepAlive(alive, o.LeaseLife/3)
	return w, nil
}

func (w *Writer) prepare(ctx context.Context, o WriterOptions) error {
	for _, statement := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		fmt.Sprintf("SET SESSION wait_timeout = %d, innodb_lock_wait_timeout = %d, autocommit = 1",
			max(1, int(2*o.LeaseLife/time.Second)), lockWait),
	} {
		if _, err := w.conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("set up the writer: %w", scrub(err))
		}
	}
	var got sql.NullInt64
	if err := w.conn.GetContext(ctx, &got, "SELECT GET_LOCK(?, 0)", w.lock); err != nil {
		return fmt.Errorf("take the writer's lock: %w", scrub(err))
	}
	if got.Int64 != 1 {
		return ErrFenced
	}
	var server struct {
		Holds bool      `db:"holds"`
		Now   time.Time `db:"now"`
	}
	// A proxy that shares connections gives the lock to one and the next
	// statement to another; then the lock fences nothing.
	if err := w.conn.GetContext(ctx, &server, `
SELECT COALESCE(IS_USED_LOCK(?) = CONNECTION_ID(), 0) AS holds, UTC_TIMESTAMP(6) AS now`, w.lock); err != nil {
		return fmt.Errorf("check the writer's lock: %w", scrub(err))
	}
	if !server.Holds {
		return errors.New("the writer's lock is not on the writer's connection: is there a multiplexing proxy before MySQL?")
	}
	w.skew = time.Until(server.Now)
	if w.skew.Abs() > o.MaxSkew {
		return fmt.Errorf("MySQL's clock and ours differ by %s: set both right", w.skew.Round(time.Second))
	}
	return nil
}

// Skew is how far MySQL's clock was ahead of ours when the writer was opened.
func (w *Writer) Skew() time.Duration { return w.skew }

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
		if _, err := w.exec(ctx, "DO 0"); errors.Is(err, ErrWriterLost) {
			return
		}
	}
}

// Close gives the lock back and the connection up. It is safe to call twice.
func (w *Writer) Close() error {
	w.stop()
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	if w.lost == nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		// SELECT and not DO: Vitess knows lock functions there alone.
		if _, err = w.conn.ExecContext(ctx, "SELECT RELEASE_LOCK(?)", w.lock); err != nil {
			err = fmt.Errorf("release the writer's lock: %w", scrub(err))
		}
		w.lost = ErrWriterLost
		w.discard()
	}
	return err
}

// discard closes the connection instead of handing it back to the pool, with
// the session's settings and perhaps its lock still on it.
func (w *Writer) discard() {
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close()
}
