package ledger

import (
	"context"
	"maps"
	"slices"
	"time"
)

const (
	// PresentEvery is how often a daemon records its presence.
	PresentEvery = 10 * time.Second
	// presentFor is how long a daemon counts as running after its last entry.
	presentFor = 35 * time.Second
)

// presence is a daemon's entry about itself.
type presence struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

func (p presence) alive(now time.Time) bool { return now.Sub(p.At).Abs() <= presentFor }

func (l *Ledger) processes() string { return l.prefix + "processes" }

func (l *Ledger) processRegister() register[presence] {
	return register[presence]{Ledger: l, key: l.processes(), what: "process", alive: presence.alive, expires: presentFor}
}

// Present notes that this process runs, with its description of itself. It removes
// processes that run no more.
func (l *Ledger) Present(ctx context.Context, text string, now time.Time) error {
	return l.processRegister().record(ctx, presence{At: now, Text: text}, now)
}

// Absent notes that this process ends.
func (l *Ledger) Absent(ctx context.Context) error { return l.processRegister().remove(ctx) }

// Processes returns the descriptions of the running daemons, in the order of their names.
func (l *Ledger) Processes(ctx context.Context, now time.Time) ([]string, error) {
	entries, err := l.processRegister().entries(ctx)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if p := entries[name]; p.alive(now) {
			texts = append(texts, p.Text)
		}
	}
	return texts, nil
}
