package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// register is a hash in which each process keeps one entry about itself, under its name.
type register[T any] struct {
	*Ledger
	key, what string // what names an entry in errors
	alive     func(entry T, now time.Time) bool
	expires   time.Duration // after the last entry of any process; zero for never
}

// record stores the entry of this process. It removes the entries of processes that are
// not alive any more.
func (r register[T]) record(ctx context.Context, entry T, now time.Time) error {
	known, err := r.entries(ctx)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("encode %s: %w", r.what, err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = r.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for name, other := range known {
			if !r.alive(other, now) {
				pipe.HDel(ctx, r.key, name)
			}
		}
		pipe.HSet(ctx, r.key, r.by, encoded)
		if r.expires > 0 {
			pipe.Expire(ctx, r.key, r.expires)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record %s: %w", r.what, err)
	}
	return nil
}

// remove removes the entry of this process.
func (r register[T]) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := r.client.HDel(ctx, r.key, r.by).Err(); err != nil {
		return fmt.Errorf("remove %s: %w", r.what, err)
	}
	return nil
}

// entries returns the entries by name. It leaves out what this program did not write.
func (r register[T]) entries(ctx context.Context) (map[string]T, error) {
	values, err := read(ctx, r.Ledger, hashType, r.key, func(ctx context.Context) (map[string]string, error) {
		return r.client.HGetAll(ctx, r.key).Result()
	})
	if err != nil {
		return nil, fmt.Errorf("read each %s: %w", r.what, err)
	}
	known := map[string]T{}
	for name, value := range values {
		var entry T
		if json.Unmarshal([]byte(value), &entry) == nil {
			known[name] = entry
		}
	}
	return known, nil
}
