package janitor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// step is how many tokens, stale or not, one statement looks at.
	step = 1000
	// minStep is the smallest step after time-outs. A server that can't look at so few
	// rows in time has a problem.
	minStep = 50
	// calm is the number of steps in time after which a smaller step doubles.
	calm = 20

	progressEvery = 10 * time.Second
)

var (
	errDrained = fmt.Errorf("%w: the program stops; the next start purges the other stale tokens", tasks.ErrInterrupted)
	errGaveWay = fmt.Errorf("%w: a run by hand takes precedence; the purge begins anew after it", tasks.ErrInterrupted)
)

// sweep is one walk through the table, in steps. A step that takes too long is repeated
// from the same place with half the rows.
type sweep struct {
	*Janitor
	run    tasks.Run
	now    time.Time
	writer Writer // nil in a dry run
	tally  *tally

	rows   int // of a step
	inTime int // steps since the last time-out
}

// open takes a writer, unless it is a dry run.
func (s *sweep) open(ctx context.Context) error {
	if s.o.DryRun {
		return nil
	}
	writer, err := s.o.OpenWriter(ctx)
	if errors.Is(err, db.ErrFenced) {
		return fmt.Errorf("%w: %w", tasks.ErrBusy, err)
	}
	if err == nil {
		s.writer = writer
	}
	return err
}

func (s *sweep) close() {
	if s.writer == nil {
		return
	}
	if err := s.writer.Close(); err != nil {
		s.run.Log.Warn("writer not closed cleanly; MySQL closes it by itself", "err", err)
	}
	s.writer = nil
}

// table walks through all tokens.
func (s *sweep) table(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var after int64
	next := s.fetch(ctx, after)
	defer func() { cancel(); <-next }()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.run.Drain:
			return errDrained
		case <-s.run.Yield:
			return errGaveWay
		default:
		}
		got := <-next
		if got.err == nil && got.next == after {
			return nil
		}
		err := got.err
		if err == nil {
			next = s.fetch(ctx, got.next) // reads while this page is purged
			err = s.purge(ctx, after, got)
		}
		if err == nil {
			after = got.next
			s.grow()
			s.tally.progress(s.run, after)
			continue
		}
		<-next
		if err := s.shrink(ctx, err, after); err != nil {
			return err
		}
		next = s.fetch(ctx, after)
	}
}

// shrink halves the step after a time-out. If the writer was lost, it takes a new one.
// It returns every other error.
func (s *sweep) shrink(ctx context.Context, err error, after int64) error {
	if !db.TimedOut(err) || s.rows <= minStep || ctx.Err() != nil {
		return err
	}
	s.rows, s.inTime = max(minStep, s.rows/2), 0
	s.run.Step()
	s.run.Log.Warn("a step of the purge took too long; it is tried again with fewer rows", "rows", s.rows, "after_id", after, "err", err)
	if !errors.Is(err, db.ErrWriterLost) {
		return nil
	}
	s.close()
	if err := s.open(ctx); err != nil {
		return fmt.Errorf("take a new writer: %w", err)
	}
	return nil
}

func (s *sweep) grow() {
	if s.inTime++; s.inTime >= calm && s.rows < step {
		s.rows, s.inTime = min(step, 2*s.rows), 0
	}
}

// fetched is a page of stale tokens, and the last id that was looked at.
type fetched struct {
	page []db.StaleToken
	next int64
	err  error
}

// fetch reads the page after an id. The channel yields that page, and then empty ones.
func (s *sweep) fetch(ctx context.Context, after int64) <-chan fetched {
	pages, rows := make(chan fetched, 1), s.rows
	go func() {
		defer close(pages)
		var f fetched
		f.err = tasks.Safely(func() (err error) {
			f.page, f.next, err = s.o.Tokens.Page(ctx, after, s.now, rows)
			return err
		})
		pages <- f
	}()
	return pages
}

// purge deletes what may be deleted of a page, and counts it.
func (s *sweep) purge(ctx context.Context, after int64, got fetched) error {
	served, err := s.served(ctx, got.page, s.now)
	if err != nil {
		return err
	}
	expired, legacy, kept := triage(got.page, served)
	if s.writer == nil {
		s.tally.purged += expired + len(legacy)
		s.tally.kept += kept
		return nil
	}
	if expired > 0 {
		n, err := s.writer.PurgeExpired(ctx, after, got.next, s.now)
		s.count(n)
		if err != nil {
			return err
		}
	}
	if len(legacy) > 0 {
		n, err := s.writer.PurgeLegacy(ctx, legacy)
		s.count(n)
		if err != nil {
			return err
		}
	}
	s.tally.kept += kept
	return nil
}

func (s *sweep) count(purged int) {
	s.tally.purged += purged
	s.o.Purged.Add(float64(purged))
}
