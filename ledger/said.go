package ledger

import (
	"context"
	"fmt"
)

// saidField begins the fields of [Ledger.Said] in the hash of the runs.
const saidField = "said:"

// Said returns what the log said last about a topic, in any process. It is empty if
// nothing is known.
func (l *Ledger) Said(ctx context.Context, topic string) (string, error) {
	values, err := read(ctx, l, hashType, l.runs(), func(ctx context.Context) ([]any, error) {
		return l.client.HMGet(ctx, l.runs(), saidField+topic).Result()
	})
	if err != nil {
		return "", fmt.Errorf("read what the log said: %w", err)
	}
	text, _ := values[0].(string)
	return text, nil
}

// RecordSaid stores what the log says about a topic.
func (l *Ledger) RecordSaid(ctx context.Context, topic, text string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := l.on(ctx, hashType, func() error {
		return l.client.HSet(ctx, l.runs(), saidField+topic, text).Err()
	}, l.runs())
	if err != nil {
		return fmt.Errorf("record what the log said: %w", err)
	}
	return nil
}
