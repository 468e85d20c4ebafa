package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// PresentEvery is how often a daemon says that it is there.
	PresentEvery = 10 * time.Second
	// presentFor is how long after its last word a daemon counts as there.
	presentFor = 35 * time.Second
)

// presence is what a daemon leaves of itself.
type presence struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

func (l *Ledger) processes() string { return l.prefix + "processes" }

// Present notes that this process is there, with what it says of itself. It forgets
// the processes that are not there any more.
func (l *Ledger) Present(ctx context.Context, text string, now time.Time) error {
	known, err := l.present(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	encoded, err := json.Marshal(presence{At: now, Text: text})
	if err != nil {
		return fmt.Errorf("encode presence: %w", err)
	}
	_, err = l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for name, p := range known {
			if now.Sub(p.At).Abs() > presentFor {
				pipe.HDel(ctx, l.processes(), name)
			}
		}
		pipe.HSet(ctx, l.processes(), l.by, encoded)
		pipe.Expire(ctx, l.processes(), presentFor)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record presence: %w", err)
	}
	return nil
}

// Absent notes that this process ends.
func (l *Ledger) Absent(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.client.HDel(ctx, l.processes(), l.by).Err(); err != nil {
		return fmt.Errorf("record absence: %w", err)
	}
	return nil
}

// Processes returns what each daemon that is there says of itself, in the order of
// their names.
func (l *Ledger) Processes(ctx context.Context, now time.Time) ([]string, error) {
	known, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, p := range known {
		if now.Sub(p.At).Abs() <= presentFor {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = known[name].Text
	}
	return texts, nil
}

func (l *Ledger) present(ctx context.Context) (map[string]presence, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	values, err := l.client.HGetAll(ctx, l.processes()).Result()
	if err != nil {
		return nil, fmt.Errorf("read processes: %w", err)
	}
	known := map[string]presence{}
	for name, value := range values {
		var p presence
		if json.Unmarshal([]byte(value), &p) == nil {
			known[name] = p
		}
	}
	return known, nil
}
