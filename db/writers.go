package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// openTimeout limits the opening of a writer, including the end of a lost one.
	openTimeout = 15 * time.Second
	// lingerWait is how many seconds we wait for a lost connection of this program after it was
	// killed.
	lingerWait = 5
	// lostKept is how many lost connections are remembered.
	lostKept = 8
)

// WriterOptions describe a task's writers.
type WriterOptions struct {
	// Task names the lock, together with the database: see [LockName].
	Task string
	// LeaseLife is the life of the lease under which the caller works. The server
	// closes a writer that is silent for twice as long. So a frozen or disconnected
	// writer keeps nobody waiting.
	LeaseLife time.Duration
	// MaxSkew is the largest difference between MySQL's clock and ours. If it is
	// larger, no writer is opened. The rows have the server's times, and tokens must
	// live long enough whichever clock is wrong.
	MaxSkew time.Duration
}

// LockName is the name of GET_LOCK for a task on a database. Lock names belong to the
// server, have 64 characters at most, and ignore case. The scheduler's own name is not
// in it: two schedulers with different names must not write to one database at the same
// time.
func LockName(database, task string) string {
	sum := sha256.Sum256([]byte(database))
	return "token-scheduler:" + task + ":" + hex.EncodeToString(sum[:])[:24]
}

// Writers opens a task's writers, one after the other. It remembers the connections
// that it lost: the server may not have noticed yet that one is gone, and may still
// hold the lock for it.
type Writers struct {
	pool *sqlx.DB
	o    WriterOptions

	mu   sync.Mutex
	lost []session
}

// NewWriters opens writers on connections of pool.
func NewWriters(pool *sqlx.DB, o WriterOptions) *Writers { return &Writers{pool: pool, o: o} }

// Open takes a connection and the lock on it. The error is [ErrFenced] if another
// scheduler holds the lock. If a lost writer of this process holds it, that connection
// is killed, which needs no right. If that takes too long, the error is another one,
// and a later Open may succeed.
func (o *Writers) Open(ctx context.Context) (*Writer, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	conn, err := o.pool.Connx(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect the writer: %w", scrub(err))
	}
	w := &Writer{conn: conn, opener: o, done: make(chan struct{})}
	if err := w.prepare(ctx); err != nil {
		w.discard()
		if !errors.Is(err, ErrFenced) {
			o.remember(w.self)
		}
		return nil, err
	}
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	go w.keepAlive(alive, o.o.LeaseLife/3)
	return w, nil
}

func (w *Writer) prepare(ctx context.Context) error {
	life := max(1, int(2*w.opener.o.LeaseLife/time.Second))
	settings := fmt.Sprintf("SET SESSION wait_timeout = %d", life) + statementLimit(writeLimit)
	if _, err := w.conn.ExecContext(ctx, settings); err != nil {
		return fmt.Errorf("set up the writer: %w", scrub(err))
	}
	var me struct {
		ID       int64  `db:"id"`
		Database string `db:"name"`
		Packet   int    `db:"packet"`
	}
	if err := w.conn.GetContext(ctx, &me, `
SELECT CONNECTION_ID() AS id, IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE())) AS name,
       @@max_allowed_packet AS packet`); err != nil {
		return fmt.Errorf("set up the writer: %w", scrub(err))
	}
	w.packet = me.Packet
	w.lock = LockName(me.Database, w.opener.o.Task)
	self, err := describe(ctx, w.conn, me.ID)
	if err != nil {
		return err
	}
	w.self = self.session
	if err := w.opener.take(ctx, w); err != nil {
		return err
	}
	return w.check(ctx)
}

// check makes sure that the lock is on this connection, and that the clocks agree.
func (w *Writer) check(ctx context.Context) error {
	var server struct {
		Holds bool      `db:"holds"`
		Now   time.Time `db:"now"`
	}
	// A proxy that shares connections may run the lock and the next statement on
	// different ones. Then the lock fences nothing.
	if err := w.conn.GetContext(ctx, &server, `
SELECT COALESCE(IS_USED_LOCK(?) = CONNECTION_ID(), 0) AS holds, UTC_TIMESTAMP(6) AS now`, w.lock); err != nil {
		return fmt.Errorf("check the writer's lock: %w", scrub(err))
	}
	if !server.Holds {
		return errors.New("the writer's lock is not on the writer's connection: is there a multiplexing proxy before MySQL?")
	}
	var err error
	w.clock, err = clock{}.next(server.Now, time.Now(), w.opener.o.MaxSkew)
	return err
}

// take takes the lock. If a lost connection of this process holds it, it ends that
// connection first.
func (o *Writers) take(ctx context.Context, w *Writer) error {
	if got, err := w.getLock(ctx, 0); err != nil || got {
		return err
	}
	has, err := holderOf(ctx, w.conn, w.lock)
	if err != nil {
		return err
	}
	ours := o.knows(has.session)
	if ours {
		// An error means that it has ended, or that it can't be ended. The wait shows
		// which.
		_, _ = w.conn.ExecContext(ctx, fmt.Sprintf("KILL %d", has.ID))
	}
	if ours || has.ID == 0 { // or it was released meanwhile
		if got, err := w.getLock(ctx, lingerWait); err != nil || got {
			return err
		}
	}
	if ours {
		return fmt.Errorf("a lost connection of this process still holds the writer's lock; it was told to end: %s", has)
	}
	return fmt.Errorf("%w: %s", ErrFenced, has)
}

func (w *Writer) getLock(ctx context.Context, seconds int) (bool, error) {
	var got sql.NullInt64
	if err := w.conn.GetContext(ctx, &got, "SELECT GET_LOCK(?, ?)", w.lock, seconds); err != nil {
		return false, fmt.Errorf("take the writer's lock: %w", scrub(err))
	}
	return got.Int64 == 1, nil
}

// remember notes a connection that may still hold the lock.
func (o *Writers) remember(s session) {
	if s.Host == "" {
		return // it never took the lock, or can't be told from another process's
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost = append(o.lost, s)
	o.lost = o.lost[max(0, len(o.lost)-lostKept):]
}

func (o *Writers) knows(s session) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Contains(o.lost, s)
}

// bury makes the server end a lost connection, if the server answers.
func (o *Writers) bury(s session) {
	o.remember(s)
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if there, err := describe(ctx, o.pool, s.ID); err == nil && there.session == s && s.Host != "" {
		_, _ = o.pool.ExecContext(ctx, fmt.Sprintf("KILL %d", s.ID))
	}
}
