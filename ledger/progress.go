package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Progress is how far a run at work is. It is a hint: it counts only while the process
// that wrote it holds the task's run lease.
type Progress struct {
	RunID   string    `json:"run_id"`
	By      string    `json:"by"` // the process that runs it
	Began   time.Time `json:"began"`
	At      time.Time `json:"at"` // of these numbers
	Done    int       `json:"done"`
	Failing int       `json:"failing"`
	Total   int       `json:"total,omitempty"` // zero if it is not known
}

// progressField is the suffix of a task's progress in the hash of the runs.
const progressField = ":progress"

// RecordProgress notes how far a run is. [Ledger.RecordRun] takes it away.
func (l *Ledger) RecordProgress(ctx context.Context, task string, p Progress) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	p.By = l.by
	encoded, err := json.Marshal(p)
	if err == nil {
		err = l.client.HSet(ctx, l.runs(), task+progressField, encoded).Err()
	}
	if err != nil {
		return fmt.Errorf("record progress: %w", err)
	}
	return nil
}

// parseProgress returns nil for a value that is not ours.
func parseProgress(text string) *Progress {
	var p Progress
	if json.Unmarshal([]byte(text), &p) != nil {
		return nil
	}
	return &p
}
