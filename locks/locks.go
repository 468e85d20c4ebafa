package locks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

// ErrHeld says that another process holds the lock.
var ErrHeld = errors.New("held by another process")

// ErrLost is the cause with which a lease's context ends when the lease was lost
// or can no longer be trusted.
var ErrLost = errors.New("lost the lease")

// callTimeout bounds one call to Redis.
const callTimeout = 3 * time.Second

// Locker takes leases whose keys share a prefix.
type Locker struct {
	client *redislock.Client
	prefix string
	life   time.Duration
	holder string
}

// New returns a Locker of leases that live for life unless refreshed. Prefix
// goes before each name; with a hash tag in it all keys share a Cluster slot.
// holder is kept with each lease for others to read.
func New(client redislock.RedisClient, prefix string, life time.Duration, holder string) *Locker {
	return &Locker{client: redislock.New(client), prefix: prefix, life: life, holder: holder}
}

// Life is how long a lease lasts without being refreshed.
func (l *Locker) Life() time.Duration { return l.life }

// Acquire takes the lease called name and keeps it until it is released or
// lost; the lease's context is derived from ctx. The error is [ErrHeld] where
// another process has it, and any other where Redis does not answer in time.
func (l *Locker) Acquire(ctx context.Context, name string) (*Lease, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	began := time.Now()
	lock, err := l.client.Obtain(call, l.prefix+name, l.life, &redislock.Options{Metadata: l.holder})
	if errors.Is(err, redislock.ErrNotObtained) {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("obtain lease %s: %w", name, err)
	}
	return newLease(ctx, lock, l.life, began), nil
}

// tokenLength is how many characters of a lock's value are its token; what its
// holder says of itself comes behind.
const tokenLength = 22

// Holder returns what the holder of the lease at a key, prefix included, says of
// itself, and whether anybody holds it.
func Holder(ctx context.Context, client redis.Cmdable, key string) (holder string, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := client.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read lease %s: %w", key, err)
	}
	return value[min(tokenLength, len(value)):], true, nil
}
