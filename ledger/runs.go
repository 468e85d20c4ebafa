package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Run says how one run of a task ended.
type Run struct {
	Task     string         `json:"task"`
	RunID    string         `json:"run_id"`
	Outcome  string         `json:"outcome"` // success, partial or failed
	By       string         `json:"by"`      // the process that ran it
	Ended    time.Time      `json:"ended"`
	Duration float64        `json:"duration_seconds"`
	Counts   map[string]int `json:"counts"`
	Error    string         `json:"error,omitempty"`
	// Chosen is true for a run with --tenant. It says nothing about other tenants, and
	// is never the task's last success.
	Chosen bool `json:"chosen,omitempty"`
	// Complete is true if the run reached every item, whether or not some failed.
	Complete bool `json:"complete,omitempty"`
	// ByHand is true for a run of --run-once: an operator's, or cron's.
	ByHand bool `json:"by_hand,omitempty"`
}

// Began is when the run began.
func (r Run) Began() time.Time { return r.Ended.Add(-time.Duration(r.Duration * float64(time.Second))) }

// Times returns when the run was complete and when it was a success. A time is zero if
// it was not. A run for chosen tenants is neither.
func (r Run) Times() (t Task) {
	if r.Complete && !r.Chosen {
		t.Complete = r.Began()
		if r.Outcome == "success" {
			t.Success = r.Ended
		}
	}
	return t
}

// Task is what the ledger knows about a task's runs. Times are zero and Last is nil if
// nothing is known.
type Task struct {
	Last *Run // the last run for everyone
	// Complete is when the last run began that reached every item, whether or not some
	// failed.
	Complete time.Time
	// Success is when the last run ended that reached every item and failed for none.
	Success time.Time
	// Progress is how far a run is; nil if none is at work as far as is known.
	Progress *Progress
}

// The hash of the runs has a field for each task's last run, named after the task. With
// these suffixes, it has the times.
const (
	successField  = ":success"
	completeField = ":complete"
	// historyLength is how many runs the history has: those of two days, each hour with
	// its five further tries for tenants that fail.
	historyLength = 300
)

// RecordRun stores a run that has ended.
func (l *Ledger) RecordRun(ctx context.Context, run Run) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	run.By = l.by
	encoded, err := json.Marshal(run)
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	if err := l.recordLast(ctx, run, encoded); err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	if err := l.recordHistory(ctx, encoded); err != nil {
		return fmt.Errorf("record run in the history: %w", err)
	}
	return nil
}

// recordLast notes the task's last run and its times, and ends its progress.
func (l *Ledger) recordLast(ctx context.Context, run Run, encoded []byte) error {
	values := []any{run.Task, encoded}
	times := run.Times()
	if !times.Complete.IsZero() {
		values = append(values, run.Task+completeField, formatTime(times.Complete))
	}
	if !times.Success.IsZero() {
		values = append(values, run.Task+successField, formatTime(times.Success))
	}
	return l.on(ctx, hashType, func() error {
		_, err := l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.HDel(ctx, l.runs(), run.Task+progressField)
			if !run.Chosen {
				pipe.HSet(ctx, l.runs(), values...)
			}
			return nil
		})
		return err
	}, l.runs())
}

func (l *Ledger) recordHistory(ctx context.Context, encoded []byte) error {
	return l.on(ctx, listType, func() error {
		_, err := l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.LPush(ctx, l.history(), encoded)
			pipe.LTrim(ctx, l.history(), 0, historyLength-1)
			return nil
		})
		return err
	}, l.history())
}

// Tasks returns what is known about the runs of each task.
func (l *Ledger) Tasks(ctx context.Context, tasks ...string) (map[string]Task, error) {
	values, err := read(ctx, l, hashType, l.runs(), func(ctx context.Context) (map[string]string, error) {
		return l.client.HGetAll(ctx, l.runs()).Result()
	})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	known := map[string]Task{}
	for _, task := range tasks {
		t := Task{
			Success: parseTime(values[task+successField]), Complete: parseTime(values[task+completeField]),
			Progress: parseProgress(values[task+progressField]),
		}
		var last Run
		if json.Unmarshal([]byte(values[task]), &last) == nil {
			t.Last = &last
		}
		known[task] = t
	}
	return known, nil
}

// History returns the last runs, the newest first.
func (l *Ledger) History(ctx context.Context) ([]Run, error) {
	values, err := read(ctx, l, listType, l.history(), func(ctx context.Context) ([]string, error) {
		return l.client.LRange(ctx, l.history(), 0, historyLength-1).Result()
	})
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	runs := make([]Run, 0, len(values))
	for _, value := range values {
		var run Run
		if json.Unmarshal([]byte(value), &run) == nil {
			runs = append(runs, run)
		}
	}
	return runs, nil
}
