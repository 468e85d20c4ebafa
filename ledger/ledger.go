package ledger

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// callTimeout limits one call to Redis.
	callTimeout = 3 * time.Second
	// scanPage is how many entries one step of a scan reads.
	scanPage = 1000
	// maxAhead is how far in the future a recorded delivery may be and still count. A
	// delivery further ahead was recorded by a wrong clock. It would count as recent
	// until our clock has caught up.
	maxAhead = time.Minute
)

// Ledger is the record on Redis. It is safe for concurrent use.
type Ledger struct {
	client redis.UniversalClient
	prefix string
	by     string
	told   func(*ForeignError) // see MoveAside; nil leaves what is not ours alone
}

// New returns the ledger whose keys begin with prefix. by is the name of the process
// that writes to it.
func New(client redis.UniversalClient, prefix, by string) *Ledger {
	return &Ledger{client: client, prefix: prefix, by: by}
}

// The types of the keys, in Redis's words.
const (
	hashType   = "hash"
	listType   = "list"
	stringType = "string"
)

func (l *Ledger) deliveries() string { return l.prefix + "deliveries" }
func (l *Ledger) failures() string   { return l.prefix + "failures" }
func (l *Ledger) runs() string       { return l.prefix + "runs" }
func (l *Ledger) history() string    { return l.prefix + "history" }
func (l *Ledger) resume() string     { return l.prefix + "resume" }

// Resume returns the tenant after which the next rotation begins. Zero means the
// beginning. A value that is not a number counts as zero.
func (l *Ledger) Resume(ctx context.Context) (int64, error) {
	text, err := read(ctx, l, stringType, l.resume(), func(ctx context.Context) (string, error) {
		return l.client.Get(ctx, l.resume()).Result()
	})
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read where to resume: %w", err)
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 {
		return id, nil
	}
	return 0, nil // the place is a hint
}

// RecordResume stores the last tenant that a rotation reached, or zero if it reached
// all.
func (l *Ledger) RecordResume(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.client.Set(ctx, l.resume(), id, 0).Err(); err != nil {
		return fmt.Errorf("record where to resume: %w", err)
	}
	return nil
}

// scan reads a hash in short steps. It calls visit with the fields and values of each
// step. A field may come twice.
func (l *Ledger) scan(ctx context.Context, key string, visit func(ctx context.Context, pairs []string) error) error {
	var cursor uint64
	for {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		var pairs []string
		var next uint64
		err := l.on(call, hashType, func() (err error) {
			pairs, next, err = l.client.HScan(call, key, cursor, "", scanPage).Result()
			return err
		}, key)
		if err == nil {
			err = visit(call, pairs)
		}
		cancel()
		if err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// read makes a call that reads a key of a type; see [Ledger.on]. The call has a time-out.
func read[T any](ctx context.Context, l *Ledger, kind, key string, call func(context.Context) (T, error)) (value T, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = l.on(ctx, kind, func() (err error) {
		value, err = call(ctx)
		return err
	}, key)
	return value, err
}

// hmget reads the fields of tenants from a hash, in the order of ids.
func (l *Ledger) hmget(ctx context.Context, key string, ids []int64) ([]any, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return read(ctx, l, hashType, key, func(ctx context.Context) ([]any, error) {
		return l.client.HMGet(ctx, key, fields(ids)...).Result()
	})
}

func fields(ids []int64) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strconv.FormatInt(id, 10)
	}
	return names
}

// Believable returns the time of a recorded delivery. If that is in the future, it
// returns zero, for "not known".
func Believable(delivery, now time.Time) time.Time {
	if delivery.After(now.Add(maxAhead)) {
		return time.Time{}
	}
	return delivery
}

// Redis holds times as whole milliseconds since 1970.
func formatTime(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// parseTime returns zero for a value that this program did not write.
func parseTime(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
