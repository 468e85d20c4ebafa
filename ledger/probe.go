package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// probeScript calls each command that the ledger uses on a key of the type ARGV[1],
// and returns the first error, or nothing. It leaves the key as it was: it adds something
// only if it may remove that again, and removes it before anybody else can see it. It leaves
// a key of another type alone. KEYS[2] and KEYS[3] do not exist.
const probeScript = `
local key, failure = KEYS[1], false
local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err and not failure and not string.find(answer.err, 'no such key') then
    failure = string.upper((...)) .. ' is refused: ' .. answer.err
  end
end
try('type', key)
if failure then return failure end
local kind = redis.call('type', key).ok
try('renamenx', KEYS[2], KEYS[3])
try('pexpire', KEYS[2], 1)
if failure or (kind ~= 'none' and kind ~= ARGV[1]) then return failure end
if ARGV[1] == 'hash' then
  try('hmget', key, 'probe')
  try('hscan', key, 0, 'count', 1)
  try('hgetall', KEYS[2])
  try('hlen', key)
  try('hrandfield', key, 1)
  try('hdel', key, 'probe')
  if not failure then try('hset', key, 'probe', '') end
  if not failure then try('hdel', key, 'probe') end
elseif ARGV[1] == 'list' then
  try('lrange', key, 0, 0)
  try('ltrim', key, 0, -1)
  if not failure then try('lpush', key, '') end
  if not failure then try('ltrim', key, 1, -1) end
else
  try('get', key)
  try('del', KEYS[2])
  if not failure then try('set', key, '', 'nx') end
  if not failure and kind == 'none' then try('del', key) end
end
return failure`

// key is a key of the ledger, and the type of what it holds.
type key struct{ name, kind string }

func (l *Ledger) keys() []key {
	return []key{
		{l.deliveries(), hashType}, {l.failures(), hashType}, {l.runs(), hashType}, {l.history(), listType}, {l.resume(), stringType},
		{l.gateways(), hashType}, {l.placeholders(), hashType},
	}
}

// Foreign returns the keys of the ledger that hold a value of another type. It changes
// nothing.
func (l *Ledger) Foreign(ctx context.Context) ([]*ForeignError, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var found []*ForeignError
	for _, k := range l.keys() {
		kind, err := l.client.Type(ctx, k.name).Result()
		if err != nil {
			return nil, fmt.Errorf("read the type of %s: %w", k.name, err)
		}
		if kind != k.kind && kind != "none" {
			found = append(found, &ForeignError{Key: k.name, Type: kind})
		}
	}
	return found, nil
}

// Probe tries on the ledger's keys each command that a run uses there, and changes
// nothing. The error names the first key that a run could not use. It says
// nothing of keys that [Ledger.Foreign] returns.
func (l *Ledger) Probe(ctx context.Context) error {
	for _, k := range l.keys() {
		if err := l.probe(ctx, k); err != nil {
			return fmt.Errorf("key %s: %w", k.name, err)
		}
	}
	return nil
}

func (l *Ledger) probe(ctx context.Context, k key) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	nothing := []string{k.name + ":unusable:probe", k.name + ":unusable:probe:2"}
	failure, err := redis.NewScript(probeScript).Run(ctx, l.client, append([]string{k.name}, nothing...), k.kind).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return nil
	case err != nil:
		return err
	}
	return errors.New(failure)
}
