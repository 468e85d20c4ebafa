package locks

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/secret"
)

// probeScript calls each command that this package uses, on the key of a lease, and
// returns the first error, or nothing. It leaves the key as it was. An existing value
// gets its own expiry again. If the key does not exist, the script first makes sure
// that it may delete, then creates the key and deletes it, before anybody else can see
// it.
const probeScript = `
local key, failure = KEYS[1], false
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err and not failure then failure = answer.err end
end
local kind = redis.call('type', key).ok
try('pttl', key)
try('mget', key)
try('getrange', key, 0, 1)
if failure then return failure end
if kind == 'none' then
  try('del', key)
  if failure then return failure end
  try('set', key, 'probe', 'nx')
  try('msetnx', key, 'probe')
  try('pexpire', key, 1000)
  try('del', key)
else
  try('set', key, '', 'nx')
  try('msetnx', key, '')
  local left = redis.call('pttl', key)
  if left > 0 then try('pexpire', key, left) end
end
return failure`

// Probe tries every command that a run uses, on the keys of the named leases, of the
// requests for them and of the fingerprint. It changes nothing. The error names the
// first key that a run could not use.
func (l *Locker) Probe(ctx context.Context, names ...string) error {
	keys := []string{l.prefix + portaKey}
	for _, name := range names {
		keys = append(keys, l.prefix+name, l.prefix+name+wantedSuffix)
	}
	for _, key := range keys {
		err := l.probe(ctx, key)
		wrong, is := errors.AsType[*Error](err)
		if is && wrong.Kind == WrongType && key == l.prefix+portaKey {
			continue // what is no fingerprint is written anew
		}
		if err != nil {
			return fmt.Errorf("key %s: %w", key, err)
		}
	}
	return nil
}

func (l *Locker) probe(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	failure, err := redis.NewScript(probeScript).Run(ctx, l.scripts, []string{key}).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return err
	}
	return &Error{Kind: classify(failure), text: secret.Printable(failure), is: reply(secret.Printable(failure))}
}
