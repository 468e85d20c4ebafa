package locks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/secret"
)

// lookScript returns what is at a lease's key: its type, how many milliseconds are
// left, and its value. A value that never expires, or expires later than ARGV[1], or is
// of another type, can't be a lease. The script makes it expire in ARGV[2], unless it
// expires before. If its holder is alive, the holder refreshes it as usual.
const lookScript = `
local kind = redis.call('type', KEYS[1]).ok
if kind == 'none' then return {kind, 0, ''} end
local left = redis.call('pttl', KEYS[1])
if left < 0 or left > tonumber(ARGV[1]) then redis.call('pexpire', KEYS[1], ARGV[2]) end
if kind ~= 'string' then return {kind, left, ''} end
return {kind, left, redis.call('getrange', KEYS[1], ARGV[3], ARGV[4])}`

// maxValue is how many bytes of a lease's value are read. A holder's description is far
// shorter. Another program's value may be half a gigabyte.
const maxValue = 4096

// longestLife is how much longer than our leases a lease may live. A scheduler of
// another version may give its leases longer lives.
const longestLife = 4

// sighting is what is at a lease's key.
type sighting struct {
	kind  string        // Redis's name of the type; "none" if the key does not exist
	left  time.Duration // negative if it never expires
	value string
}

// look returns what is at a key, and makes sure that it expires.
func (l *Locker) look(ctx context.Context, key string) (sighting, error) {
	answer, err := redis.NewScript(lookScript).Run(ctx, l.scripts, []string{key},
		(longestLife * l.life).Milliseconds(), l.life.Milliseconds(), 0, maxValue-1).Slice()
	if errors.Is(err, redis.Nil) {
		return sighting{}, wrongAnswer("nothing")
	}
	if err != nil {
		return sighting{}, err
	}
	if len(answer) == 3 {
		kind, isKind := answer[0].(string)
		left, isLeft := answer[1].(int64)
		value, isValue := answer[2].(string)
		if isKind && isLeft && isValue {
			return sighting{kind, time.Duration(left) * time.Millisecond, value}, nil
		}
	}
	return sighting{}, wrongAnswer(fmt.Sprintf("%d values", len(answer)))
}

func wrongAnswer(what string) error {
	return &Error{Kind: Wrong, text: "a script that looks at the key returned " + what}
}

// errGone means that a lease was held a moment ago and is not held now.
var errGone = &Error{Kind: Wrong, text: "Redis says that the lease is held, and that its key does not exist"}

// verdict says why the lease can't be taken while its key has this value.
func (s sighting) verdict(key string, life time.Duration) error {
	switch {
	case s.kind == "none":
		return errGone
	case s.kind != "string":
		return stuck("%s is a %s of another program; it expires in %s", key, secret.Printable(s.kind), s.end(life))
	case s.left < 0:
		return stuck("%s never expired; now it expires in %s", key, life)
	case s.left > longestLife*life:
		return stuck("%s would have lasted %s; now it expires in %s", key, s.left.Round(time.Second), life)
	}
	return &HeldError{Holder: holderOf(s.value)}
}

// end is when a value of another type expires.
func (s sighting) end(life time.Duration) time.Duration {
	if s.left < 0 || s.left > longestLife*life {
		return life
	}
	return s.left.Round(time.Second)
}

func stuck(format string, args ...any) error {
	return &Error{Kind: Stuck, text: fmt.Sprintf("not a lease: "+format, args...), is: ErrStuck}
}
