package locks

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// portaKey has the fingerprint of the database that leases and ledger belong to.
const portaKey = "porta"

// Fingerprint returns the fingerprint of the Porta that the keys of a prefix belong to.
// If there is none, for example after Redis has lost its data, it becomes mine. If it
// is not mine, the caller must not lead, run or purge.
func Fingerprint(ctx context.Context, client redis.Cmdable, prefix, mine string) (theirs string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := prefix + portaKey
	for range 2 { // the key may expire between the two calls
		if theirs, err = client.GetRange(ctx, key, 0, maxValue-1).Result(); err != nil {
			return "", fmt.Errorf("ask redis for the fingerprint %s: %w", key, err)
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
	return "", &Error{Kind: Wrong, text: "key " + key + " does not exist and can't be written"}
}

// Recorded returns the fingerprint that stands beside the keys of a prefix, and ""
// if there is none. It writes nothing.
func Recorded(ctx context.Context, client redis.Cmdable, prefix string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	theirs, err := client.GetRange(ctx, prefix+portaKey, 0, maxValue-1).Result()
	if err != nil {
		return "", fmt.Errorf("ask redis for the fingerprint %s: %w", prefix+portaKey, err)
	}
	return theirs, nil
}

// Adopt makes the keys of a prefix belong to the Porta with the fingerprint mine. The
// ledger still has the tenants of the other Porta, so the caller must remove it first.
func Adopt(ctx context.Context, client redis.Cmdable, prefix, mine string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := client.Set(ctx, prefix+portaKey, mine, 0).Err(); err != nil {
		return fmt.Errorf("write fingerprint %s: %w", prefix+portaKey, err)
	}
	return nil
}
