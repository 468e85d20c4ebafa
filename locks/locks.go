package locks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"
)

// callTimeout limits one call to Redis.
const callTimeout = 3 * time.Second

// Locker takes leases whose keys have the same prefix.
type Locker struct {
	scripts redis.Scripter
	client  *redislock.Client
	prefix  string
	life    time.Duration
	holder  string
	tokens  *tokens
}

// New returns a Locker. Its leases expire after life unless they are refreshed. prefix
// comes before each name; with a hash tag in it, all keys are in one Cluster slot.
// holder is stored with each lease, for others to read.
func New(client redislock.RedisClient, prefix string, life time.Duration, holder string) *Locker {
	return &Locker{
		scripts: client, client: redislock.New(client), prefix: prefix, life: life, holder: holder,
		tokens: &tokens{unanswered: map[string]string{}},
	}
}

// As returns a Locker of the same leases with another description of their holder.
func (l *Locker) As(holder string) *Locker {
	other := *l
	other.holder = holder
	return &other
}

// Acquire takes the lease called name and refreshes it until it is released or lost.
// The lease's context is derived from ctx. The error is a [*HeldError], which is an
// [ErrHeld], if another process has the lease. It is an [ErrStuck] if the value at its
// key is not a lease. Any other error means that Redis does not answer, or does not
// answer as Redis would. Then nobody knows who has the lease.
func (l *Locker) Acquire(ctx context.Context, name string) (*Lease, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var err error
	for range 2 { // a lease may end between the two calls of one try
		began := time.Now()
		var lock *redislock.Lock
		if lock, err = l.obtain(call, l.prefix+name); err == nil {
			return l.keep(ctx, name, lock, began), nil
		}
		if !errors.Is(err, errGone) {
			break
		}
	}
	if errors.Is(err, ErrHeld) {
		return nil, err
	}
	return nil, fmt.Errorf("take lease %s: %w", l.prefix+name, err)
}

// obtain tries once. Redislock takes each nil for "held by another process", so obtain
// looks up who holds the lease.
func (l *Locker) obtain(ctx context.Context, key string) (*redislock.Lock, error) {
	token := l.tokens.take(key)
	lock, err := l.client.Obtain(ctx, key, l.life, &redislock.Options{Token: token, Metadata: l.holder})
	var answered redis.Error
	switch {
	case err == nil:
		return lock, nil
	case errors.Is(err, redislock.ErrNotObtained) || classify(err.Error()) == WrongType:
		seen, err := l.look(ctx, key)
		if err != nil {
			return nil, err
		}
		return nil, seen.verdict(key, l.life)
	case !errors.As(err, &answered):
		l.tokens.keep(key, token)
	}
	return nil, err
}

// Ask asks for the lease called name while another process may hold it. The holder
// learns of it through [Lease.Wanted] and [Locker.Wanted]. The request is itself a
// lease, so there is one at a time. The error is an [ErrHeld] if another process asks.
// The request lasts until it is released, or for a lease's life if its process dies.
func (l *Locker) Ask(ctx context.Context, name string) (*Lease, error) {
	return l.Acquire(ctx, name+wantedSuffix)
}

const wantedSuffix = ":wanted"

// Wanted tells whether a process asks for the lease called name.
func (l *Locker) Wanted(ctx context.Context, name string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key := l.prefix + name + wantedSuffix
	seen, err := l.look(ctx, key)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", key, err)
	}
	return seen.kind == "string", nil
}

// tokenLength is the length of the token in a lease's value. The holder's description
// follows.
const tokenLength = 22

// tokens are those of calls that Redis may have carried out although no answer came.
// The next call for the same lease uses the same token. So it takes over a lease that
// would otherwise look like another process's until it expires.
type tokens struct {
	mu         sync.Mutex
	unanswered map[string]string // by key
}

// take returns the token for the next call.
func (t *tokens) take(key string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	token, found := t.unanswered[key]
	if !found {
		return rand.Text()[:tokenLength]
	}
	delete(t.unanswered, key)
	return token
}

func (t *tokens) keep(key, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unanswered[key] = token
}

// Holder returns the description of the lease's holder, and whether anybody holds the
// lease. key includes the prefix.
func Holder(ctx context.Context, client redis.Cmdable, key string) (holder string, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := client.GetRange(ctx, key, 0, maxValue-1).Result()
	if err != nil {
		return "", false, fmt.Errorf("read lease %s: %w", key, err)
	}
	return holderOf(value), value != "", nil
}

// holderOf is the part after the token.
func holderOf(value string) string { return value[min(tokenLength, len(value)):] }
