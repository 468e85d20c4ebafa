package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// keptAside is for how long a value that was moved aside is kept, in case somebody
// misses it.
const keptAside = 7 * 24 * time.Hour

// ErrForeign says that a key of the ledger holds a value of another type: another
// program has written to it.
var ErrForeign = errors.New("another program has written to this key of the ledger")

// ForeignError is [ErrForeign], with the key.
type ForeignError struct {
	Key  string
	Type string // what the key holds, in Redis's word
	// Aside is where the value was moved to; empty if it was not moved.
	Aside string
}

// Error implements error.
func (f *ForeignError) Error() string {
	text := fmt.Sprintf("%s: %s holds a value of type %s", ErrForeign, f.Key, f.Type)
	if f.Aside != "" {
		text += ", which was moved to " + f.Aside
	}
	return text
}

// Is makes it an [ErrForeign].
func (*ForeignError) Is(target error) bool { return target == ErrForeign }

// MoveAside has the ledger rename a key that holds a value of another type, and go on
// without it, as if Redis had lost the key. Told hears of each such key. Without
// MoveAside the ledger leaves the key alone and returns a [ForeignError].
func (l *Ledger) MoveAside(told func(*ForeignError)) *Ledger {
	l.told = told
	return l
}

// asideScript renames KEYS[1] to KEYS[2] unless it has the type ARGV[1]: another
// process may have renamed it already and begun anew. If ARGV[2] is 0, it renames
// nothing. It returns the type.
const asideScript = `
local kind = redis.call('type', KEYS[1]).ok
if kind == ARGV[1] or kind == 'none' or ARGV[2] == '0' then return kind end
if redis.call('renamenx', KEYS[1], KEYS[2]) == 0 then return redis.error_reply('ERR ' .. KEYS[2] .. ' exists') end
redis.call('pexpire', KEYS[2], ARGV[2])
return kind`

// on calls Redis for keys of a type. If one of them holds another type, it is moved
// aside, and the call is made once more: the call must allow that.
func (l *Ledger) on(ctx context.Context, kind string, call func() error, keys ...string) error {
	err := call()
	if !redis.HasErrorPrefix(err, "WRONGTYPE") {
		return err
	}
	for _, key := range keys {
		if err := l.aside(ctx, key, kind); err != nil {
			return err
		}
	}
	return call()
}

// aside renames a key unless its value has the right type.
func (l *Ledger) aside(ctx context.Context, key, kind string) error {
	f := &ForeignError{Key: key}
	target, life := fmt.Sprintf("%s:unusable:%d", key, time.Now().Unix()), int64(0)
	if l.told != nil {
		f.Aside, life = target, keptAside.Milliseconds()
	}
	var err error
	f.Type, err = redis.NewScript(asideScript).Run(ctx, l.client, []string{key, target}, kind, life).Text()
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s, which can't be moved aside: %w", ErrForeign, key, err)
	case f.Type == kind || f.Type == "none":
		return nil // it is right, or another process has renamed it
	case l.told == nil:
		return f
	}
	l.told(f)
	return nil
}
