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

// callTimeout bounds one call to Redis.
const callTimeout = 3 * time.Second

// Locker takes leases whose keys share a prefix.
type Locker struct {
	scripts redis.Scripter
	client  *redislock.Client
	prefix  string
	life    time.Duration
	holder  string
	tokens  *tokens
}

// New returns a Locker of leases that live for life unless refreshed. Prefix
// goes before each name; with a hash tag in it all keys share a Cluster slot.
// holder is kept with each lease for others to read.
func New(client redislock.RedisClient, prefix string, life time.Duration, holder string) *Locker {
	return &Locker{
		scripts: client, client: redislock.New(client), prefix: prefix, life: life, holder: holder,
		tokens: &tokens{unanswered: map[string]string{}},
	}
}

// As returns a Locker of the same leases that says something else of their holder.
func (l *Locker) As(holder string) *Locker {
	other := *l
	other.holder = holder
	return &other
}

// Acquire takes the lease called name and keeps it until it is released or
// lost; the lease's context is derived from ctx. The error is a [*HeldError],
// which is an [ErrHeld], where another process has the lease. It is an [ErrStuck]
// where something stands at its key that is no lease. Any other error says that
// Redis does not answer, or not as Redis would, and that nobody knows who has it.
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

// obtain tries once. Redislock takes each nil for "held by another", so that it is
// looked up who holds it.
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

// Ask asks for the lease called name while another process may hold it: the holder
// learns of it by [Lease.Wanted] and [Locker.Wanted]. The request is a lease itself,
// of which there is one at a time; the error is an [ErrHeld] where another process
// asks. It stands until it is released, and for a lease's life after a process that
// died.
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

// tokenLength is how many characters of a lease's value are its token; what its
// holder says of itself comes behind.
const tokenLength = 22

// tokens are those of calls that Redis may have carried out though no answer came.
// The next call for the same lease uses the token again, and so takes over what
// would else pass for another's lease until it ends.
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

// Holder returns what the holder of the lease at a key, prefix included, says of
// itself, and whether anybody holds it.
func Holder(ctx context.Context, client redis.Cmdable, key string) (holder string, held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := client.GetRange(ctx, key, 0, maxValue-1).Result()
	if err != nil {
		return "", false, fmt.Errorf("read lease %s: %w", key, err)
	}
	return holderOf(value), value != "", nil
}

// holderOf is what stands behind the token.
func holderOf(value string) string { return value[min(tokenLength, len(value)):] }
