package tasks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// ledgerTimeout bounds one call to Redis.
const ledgerTimeout = 3 * time.Second

// scanPage is how many entries one step of a walk over the ledger reads.
const scanPage = 1000

// Ledger is the record on Redis of each tenant's last delivery and failure, and
// of each task's last run. It may be lost at any moment; a missing entry means
// "not known", and costs a rotation that was not needed.
type Ledger struct {
	client redis.UniversalClient
	prefix string
	by     string
}

// NewLedger keeps the record under keys that begin with prefix; by names the
// process that writes to it.
func NewLedger(client redis.UniversalClient, prefix, by string) *Ledger {
	return &Ledger{client: client, prefix: prefix, by: by}
}

func (l *Ledger) deliveries() string { return l.prefix + "deliveries" }
func (l *Ledger) failures() string   { return l.prefix + "failures" }
func (l *Ledger) runs() string       { return l.prefix + "runs" }
func (l *Ledger) resume() string     { return l.prefix + "resume" }

// Deliveries returns the time of each tenant's last delivery, in the order of
// ids; zero where none is known.
func (l *Ledger) Deliveries(ctx context.Context, ids []int64) ([]time.Time, error) {
	times := make([]time.Time, len(ids))
	if len(ids) == 0 {
		return times, nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	values, err := l.client.HMGet(ctx, l.deliveries(), fields(ids)...).Result()
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	for i, value := range values {
		if text, ok := value.(string); ok {
			times[i] = parseTime(text)
		}
	}
	return times, nil
}

// Record notes deliveries, with their times, and failures, with their reasons.
// A delivery ends a tenant's failure.
func (l *Ledger) Record(ctx context.Context, delivered map[int64]time.Time, failed map[int64]string, now time.Time) error {
	if len(delivered) == 0 && len(failed) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	failures, err := l.sinceWhen(ctx, failed, now)
	if err != nil {
		return err
	}
	_, err = l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		if len(delivered) > 0 {
			pairs, ids := make([]any, 0, 2*len(delivered)), make([]int64, 0, len(delivered))
			for id, at := range delivered {
				pairs = append(pairs, strconv.FormatInt(id, 10), formatTime(at))
				ids = append(ids, id)
			}
			pipe.HSet(ctx, l.deliveries(), pairs...)
			pipe.HDel(ctx, l.failures(), fields(ids)...)
		}
		if len(failures) > 0 {
			pipe.HSet(ctx, l.failures(), failures...)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record deliveries: %w", err)
	}
	return nil
}

// Resume returns the tenant with which the next rotation begins; zero for the
// first.
func (l *Ledger) Resume(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	id, err := l.client.Get(ctx, l.resume()).Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read where to resume: %w", err)
	}
	return id, nil
}

// RecordResume notes the last tenant that a rotation reached, zero where it
// reached them all.
func (l *Ledger) RecordResume(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, ledgerTimeout)
	defer cancel()
	if err := l.client.Set(ctx, l.resume(), id, 0).Err(); err != nil {
		return fmt.Errorf("record where to resume: %w", err)
	}
	return nil
}

// Forget drops deliveries and failures from before a time; most belong to tenants
// that are no more. It walks the ledger in short steps.
func (l *Ledger) Forget(ctx context.Context, before time.Time) error {
	err := l.forget(ctx, l.deliveries(), func(_, value string) bool { return parseTime(value).Before(before) })
	if err != nil {
		return fmt.Errorf("forget old deliveries: %w", err)
	}
	err = l.forget(ctx, l.failures(), func(field, value string) bool {
		_, err := strconv.ParseInt(field, 10, 64)
		return err == nil && parseFailure(value).Last.Before(before)
	})
	if err != nil {
		return fmt.Errorf("forget old failures: %w", err)
	}
	return nil
}

// forget drops from a hash the fields that are old.
func (l *Ledger) forget(ctx context.Context, key string, old func(field, value string) bool) error {
	return l.scan(ctx, key, func(ctx context.Context, pairs []string) error {
		var fields []string
		for i := 0; i+1 < len(pairs); i += 2 {
			if old(pairs[i], pairs[i+1]) {
				fields = append(fields, pairs[i])
			}
		}
		if len(fields) == 0 {
			return nil
		}
		return l.client.HDel(ctx, key, fields...).Err()
	})
}

// scan walks over a hash in short steps, of each of which visit is given the fields
// and their values in turn.
func (l *Ledger) scan(ctx context.Context, key string, visit func(ctx context.Context, pairs []string) error) error {
	var cursor uint64
	for {
		call, cancel := context.WithTimeout(ctx, ledgerTimeout)
		pairs, next, err := l.client.HScan(call, key, cursor, "", scanPage).Result()
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

func fields(ids []int64) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = strconv.FormatInt(id, 10)
	}
	return names
}

// maxAhead is how far ahead of our clock a recorded delivery may lie and still
// count. Further ahead it comes from a clock that was wrong, and would pass for
// recent until ours has caught up.
const maxAhead = time.Minute

// Believable is the time of a recorded delivery, or zero, for not known, where it
// lies in the future.
func Believable(delivery, now time.Time) time.Time {
	if delivery.After(now.Add(maxAhead)) {
		return time.Time{}
	}
	return delivery
}

// Times are kept as whole milliseconds since 1970.
func formatTime(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func parseTime(text string) time.Time {
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{} // a value that is not ours tells nothing
	}
	return time.UnixMilli(ms).UTC()
}
