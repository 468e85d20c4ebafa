package locks

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// portaKey holds, beside leases and ledger, the fingerprint of the database that they
// belong to.
const portaKey = "porta"

// Fingerprint returns the fingerprint of the Porta that the keys of a prefix belong
// to. Where there is none, as after Redis has lost everything, it becomes mine. A
// caller that finds another's must not lead, run or purge.
func Fingerprint(ctx context.Context, client redis.Cmdable, prefix, mine string) (theirs string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := prefix + portaKey
	for range 2 { // it may vanish between the two calls
		if theirs, err = client.GetRange(ctx, key, 0, maxValue-1).Result(); err != nil {
			return "", fmt.Errorf("read fingerprint %s: %w", key, err)
		}
		if theirs != "" {
			return theirs, nil
		}
		switch first, err := client.SetNX(ctx, key, mine, 0).Result(); {
		case err != nil && !errors.Is(err, redis.Nil):
			return "", fmt.Errorf("write fingerprint %s: %w", key, err)
		case first:
			return mine, nil
		}
	}
	return "", &Error{Kind: Wrong, text: "key " + key + " is neither there nor can it be written"}
}

// Adopt makes the keys of a prefix those of the Porta with the fingerprint mine,
// whatever stood there. What the ledger knows is of the other's tenants: the caller
// has it forgotten first.
func Adopt(ctx context.Context, client redis.Cmdable, prefix, mine string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := client.Set(ctx, prefix+portaKey, mine, 0).Err(); err != nil {
		return fmt.Errorf("write fingerprint %s: %w", prefix+portaKey, err)
	}
	return nil
}
