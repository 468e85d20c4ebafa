package janitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// table is a table of n expired tokens on a server that can look at so many rows in
// time, and delete so many.
type table struct {
	n, reads, deletes int64
	opened            int
	lost              bool
	left              map[int64]bool
}

func (t *table) Page(_ context.Context, after int64, _ time.Time, rows int) (page []db.StaleToken, next int64, err error) {
	if int64(rows) > t.reads {
		return nil, after, fmt.Errorf("page: %w", context.DeadlineExceeded)
	}
	next = min(t.n, after+int64(rows))
	for id := after + 1; id <= next; id++ {
		page = append(page, db.StaleToken{ID: id})
	}
	return page, next, nil
}

func (t *table) PurgeExpired(_ context.Context, after, last int64, _ time.Time) (n int, err error) {
	if t.lost {
		return 0, db.ErrWriterLost
	}
	if last-after > t.deletes {
		t.lost = true
		return 0, fmt.Errorf("%w: %w", db.ErrWriterLost, context.DeadlineExceeded)
	}
	for id := after + 1; id <= last; id++ {
		if t.left[id] {
			n++
		}
		delete(t.left, id)
	}
	return n, nil
}

func (*table) PurgeLegacy(context.Context, []int64) (int, error) { return 0, nil }
func (*table) Close() error                                      { return nil }

type noLedger struct{}

func (noLedger) Deliveries(_ context.Context, ids []int64) ([]time.Time, error) {
	return make([]time.Time, len(ids)), nil
}
func (noLedger) Forget(context.Context, time.Time) error { return nil }

// TestStepsThatTakeTooLongShrink: a slow server is asked for less, from the same
// place, through a new writer where the old one was lost. One that is too slow for
// the smallest step is an error.
func TestStepsThatTakeTooLongShrink(t *testing.T) {
	for _, c := range []struct {
		name           string
		reads, deletes int64
		opened         int
		fails          bool
	}{
		{"fast", 1000, 1000, 1, false},
		{"slow to read", 100, 1000, 1, false},
		{"slow to delete", 1000, 300, 3, false},
		{"too slow", 10, 1000, 1, true},
	} {
		rows := &table{n: 2500, reads: c.reads, deletes: c.deletes, left: map[int64]bool{}}
		for id := range rows.n {
			rows.left[id+1] = true
		}
		j := New(Options{
			Tokens: rows, Ledger: noLedger{}, Purged: NewPurged(prometheus.NewRegistry()), Now: time.Now,
			OpenWriter: func(context.Context) (Writer, error) { rows.opened++; rows.lost = false; return rows, nil },
		})
		run := tasks.Run{Log: slog.New(slog.DiscardHandler), Progress: func(tasks.Progress) {}}
		result, err := j.Run(t.Context(), run)
		if c.fails {
			if !errors.Is(err, context.DeadlineExceeded) || result.Complete {
				t.Errorf("%s: error %v, complete %t", c.name, err, result.Complete)
			}
			continue
		}
		if err != nil || len(rows.left) != 0 || result.Done != 2500 || rows.opened != c.opened {
			t.Errorf("%s: error %v, %d left, %d done, %d writers", c.name, err, len(rows.left), result.Done, rows.opened)
		}
	}
}

// TestAPurgeEndsWhenItIsTold: by a stop or by a run by hand, which is no failure.
func TestAPurgeEndsWhenItIsTold(t *testing.T) {
	told := make(chan struct{})
	close(told)
	for name, run := range map[string]tasks.Run{"drain": {Drain: told}, "yield": {Yield: told}} {
		rows := &table{n: 2500, reads: 1000, deletes: 1000}
		j := New(Options{
			Tokens: rows, Ledger: noLedger{}, Purged: NewPurged(prometheus.NewRegistry()), Now: time.Now,
			OpenWriter: func(context.Context) (Writer, error) { return rows, nil },
		})
		run.Log, run.Progress = slog.New(slog.DiscardHandler), func(tasks.Progress) {}
		if result, err := j.Run(t.Context(), run); !errors.Is(err, tasks.ErrInterrupted) || result.Complete {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}
