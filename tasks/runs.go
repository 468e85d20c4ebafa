package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// RunRecord is what the ledger keeps of a task's last run.
type RunRecord struct {
	RunID    string         `json:"run_id"`
	Outcome  Outcome        `json:"outcome"`
	By       string         `json:"by"` // the process that ran it
	Ended    time.Time      `json:"ended"`
	Duration float64        `json:"duration_seconds"`
	Counts   map[string]int `json:"counts"`
	Error    string         `json:"error,omitempty"`
}

// History is what the ledger knows of a task's runs. Times are zero, and Last is
// nil, where nothing is known.
type History struct {
	Last    *RunRecord
	Success time.Time // the end of the last run that succeeded
	// Complete is the beginning of the last run that reached every item, whether
	// or not it failed for some.
	Complete time.Time
}

// The fields of the hash: a task's name for its last run, and with a suffix the
// times.
const (
	successField  = ":success"
	completeField = ":complete"
)

// LastSuccess returns when the task last succeeded; zero where that is not known.
func (l *Ledger) LastSuccess(ctx context.Context, task string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	text, err := l.client.HGet(ctx, l.runs(), task+successField).Result()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read last success: %w", err)
	}
	return parseTime(text), nil
}

// RecordRun notes a run that has ended.
func (l *Ledger) RecordRun(ctx context.Context, report Report, runID string, ended time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	record := RunRecord{
		RunID: runID, Outcome: report.Outcome, By: l.by, Ended: ended.UTC(), Duration: report.Duration.Seconds(),
		Counts: map[string]int{},
	}
	for _, c := range report.Result.Counts {
		record.Counts[c.Name] = c.N
	}
	if report.Err != nil {
		record.Error = report.Err.Error()
	}
	encoded, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("encode run: %w", err)
	}
	values := []any{report.Task, encoded}
	if report.Outcome == Success {
		values = append(values, report.Task+successField, formatTime(ended))
	}
	if report.Result.Complete {
		values = append(values, report.Task+completeField, formatTime(ended.Add(-report.Duration)))
	}
	if err := l.client.HSet(ctx, l.runs(), values...).Err(); err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	return nil
}

// Histories returns what is known of the runs of each task.
func (l *Ledger) Histories(ctx context.Context, tasks ...string) (map[string]History, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	values, err := l.client.HGetAll(ctx, l.runs()).Result()
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	known := map[string]History{}
	for _, task := range tasks {
		h := History{Success: parseTime(values[task+successField]), Complete: parseTime(values[task+completeField])}
		var last RunRecord
		if json.Unmarshal([]byte(values[task]), &last) == nil {
			h.Last = &last
		}
		known[task] = h
	}
	return known, nil
}
