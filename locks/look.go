package locks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// lookScript tells what stands at a lease's key: its type, how many milliseconds it
// still lives, and its value. What lives for ever or longer than ARGV[1], and what is
// of another type, can't be a lease. It is given an end in ARGV[2] from now, unless it
// ends before. A holder that lives after all refreshes it as ever.
const lookScript = `
local kind = redis.call('type', KEYS[1]).ok
if kind == 'none' then return {kind, 0, ''} end
local left = redis.call('pttl', KEYS[1])
if left < 0 or left > tonumber(ARGV[1]) then redis.call('pexpire', KEYS[1], ARGV[2]) end
if kind ~= 'string' then return {kind, left, ''} end
return {kind, left, redis.call('getrange', KEYS[1], ARGV[3], ARGV[4])}`

// maxValue is how much of a lease's value is read, in bytes. What a holder says of
// itself is far shorter; another's value may be half a gigabyte.
const maxValue = 4096

// longestLife is how long a lease may still live, in lives of ours, and be one: a
// scheduler of another version may give its leases longer lives.
const longestLife = 4

// sighting is what stands at a lease's key.
type sighting struct {
	kind  string        // of Redis's types; none for nothing
	left  time.Duration // negative for ever
	value string
}

// look tells what stands at a key, and sees to it that it ends.
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

// errGone says that a lease was held a moment ago and now is not.
var errGone = &Error{Kind: Wrong, text: "Redis says that it is held and that nothing is at its key"}

// verdict says why a lease can't be taken whose key holds this.
func (s sighting) verdict(key string, life time.Duration) error {
	switch {
	case s.kind == "none":
		return errGone
	case s.kind != "string":
		return stuck("%s is a %s of another program's; it ends in %s", key, Printable(s.kind), s.end(life))
	case s.left < 0:
		return stuck("%s had no end; it ends in %s", key, life)
	case s.left > longestLife*life:
		return stuck("%s was to last %s; it ends in %s", key, s.left.Round(time.Second), life)
	}
	return &HeldError{Holder: holderOf(s.value)}
}

// end is when what is of another type ends.
func (s sighting) end(life time.Duration) time.Duration {
	if s.left < 0 || s.left > longestLife*life {
		return life
	}
	return s.left.Round(time.Second)
}

func stuck(format string, args ...any) error {
	return &Error{Kind: Stuck, text: fmt.Sprintf("not a lease: "+format, args...), is: ErrStuck}
}
