package locks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bsm/redislock"
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
}

// New returns a Locker of leases that live for life unless refreshed. Prefix
// goes before each name; with a hash tag in it all keys share a Cluster slot.
func New(client redislock.RedisClient, prefix string, life time.Duration) *Locker {
	return &Locker{client: redislock.New(client), prefix: prefix, life: life}
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
	lock, err := l.client.Obtain(call, l.prefix+name, l.life, nil)
	if errors.Is(err, redislock.ErrNotObtained) {
		return nil, ErrHeld
	}
	if err != nil {
		return nil, fmt.Errorf("obtain lease %s: %w", name, err)
	}
	return newLease(ctx, lock, l.life, began), nil
}
