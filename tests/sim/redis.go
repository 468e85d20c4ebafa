package sim

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Redis holds locks and the ledger. It answers the scripts of bsm/redislock and of
// locks, which it tells apart by the number of their arguments.
type Redis struct {
	*Server
	proc *Process
	data *redisData
}

type redisData struct {
	mu         sync.Mutex
	locks      map[string]lock
	deliveries map[int64]ledger.Delivery
	placed     map[int64]time.Time // placeholders that Zync may hold
	gateways   map[string]ledger.Gateway
	serving    []*Gateway
	tasks      map[string]ledger.Task
	resume     int64
}

type lock struct {
	value   string
	expires time.Time
}

// NewRedis returns an empty Redis.
func NewRedis() *Redis { return &Redis{Server: &Server{}, data: newRedisData()} }

func newRedisData() *redisData {
	return &redisData{
		locks: map[string]lock{}, deliveries: map[int64]ledger.Delivery{}, placed: map[int64]time.Time{}, gateways: map[string]ledger.Gateway{},
		tasks: map[string]ledger.Task{},
	}
}

// Refuse makes every call fail with err.
func (r *Redis) Refuse(err error) { r.Set(Weather{Down: err}) }

// Hang makes every call time out.
func (r *Redis) Hang() { r.Set(Weather{Hanging: true}) }

// Heal ends all faults.
func (r *Redis) Heal() { r.Set(Weather{}) }

// Flush removes all data.
func (r *Redis) Flush() {
	r.data.mu.Lock()
	defer r.data.mu.Unlock()
	clean := newRedisData()
	r.data.locks, r.data.deliveries, r.data.tasks, r.data.resume = clean.locks, clean.deliveries, clean.tasks, 0
	r.data.placed, r.data.gateways = clean.placed, clean.gateways
}

// Failover switches to a replica that lags. About half of the locks and a quarter of
// the deliveries are lost.
func (r *Redis) Failover(chance *rand.Rand) {
	r.data.mu.Lock()
	defer r.data.mu.Unlock()
	maps.DeleteFunc(r.data.locks, func(string, lock) bool { return chance.IntN(2) == 0 })
	maps.DeleteFunc(r.data.deliveries, func(id int64, _ ledger.Delivery) bool {
		if chance.IntN(4) > 0 {
			return false
		}
		delete(r.data.placed, id) // written before the delivery, so lost with it at the latest
		return true
	})
}

// TTL is how long Redis keeps a lock. It is negative if there is none.
func (r *Redis) TTL(key string) time.Duration {
	r.data.mu.Lock()
	defer r.data.mu.Unlock()
	return time.Until(r.data.locks[key].expires)
}

// Eval implements [redis.Scripter].
func (r *Redis) Eval(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal("OK")
	err := call(ctx, r.proc, r.Server, func() error {
		if len(args) == looksAtKey {
			cmd.SetVal(r.data.look(keys[0]))
			return nil
		}
		if !r.data.script(keys[0], args) {
			return redis.Nil
		}
		return nil
	})
	if err != nil {
		cmd.SetErr(err)
	}
	return cmd
}

// looksAtKey is the number of arguments of the script with which package locks reads
// the key of a lease.
const looksAtKey = 4

// look answers that script with the key's type, its remaining life and its value.
func (d *redisData) look(key string) []any {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := d.locks[key]
	if left := time.Until(held.expires); left > 0 {
		return []any{"string", left.Milliseconds(), held.value}
	}
	return []any{"none", int64(0), ""}
}

// script does what the scripts of redislock do, and is false if they answer nil. It tells
// them apart by their arguments:
//   - obtain: value, length of its token, life
//   - refresh: value, life
//   - release: value
func (d *redisData) script(key string, args []any) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, now := args[0].(string), time.Now()
	held, found := d.locks[key]
	if found && !now.Before(held.expires) {
		found = false
	}
	switch mine := found && held.value == value; {
	case len(args) == 3 && (!found || mine):
		d.locks[key] = lock{value, now.Add(milliseconds(args[2]))}
	case len(args) == 2 && mine:
		d.locks[key] = lock{value, now.Add(milliseconds(args[1]))}
	case len(args) == 1 && mine:
		delete(d.locks, key)
	default:
		return false
	}
	return true
}

func milliseconds(arg any) time.Duration {
	d, err := time.ParseDuration(arg.(string) + "ms")
	if err != nil {
		panic(err)
	}
	return d
}

// EvalSha implements [redis.Scripter].
func (r *Redis) EvalSha(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	return r.Eval(ctx, "", keys, args...)
}

// EvalRO implements [redis.Scripter].
func (r *Redis) EvalRO(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	return r.Eval(ctx, "", keys, args...)
}

// EvalShaRO implements [redis.Scripter].
func (r *Redis) EvalShaRO(ctx context.Context, _ string, keys []string, args ...any) *redis.Cmd {
	return r.Eval(ctx, "", keys, args...)
}

// ScriptExists implements [redis.Scripter].
func (*Redis) ScriptExists(ctx context.Context, _ ...string) *redis.BoolSliceCmd {
	return redis.NewBoolSliceCmd(ctx)
}

// ScriptLoad implements [redis.Scripter].
func (*Redis) ScriptLoad(ctx context.Context, _ string) *redis.StringCmd {
	return redis.NewStringCmd(ctx)
}

// As returns Redis for the calls of a process.
func (r *Redis) As(proc *Process) *Redis {
	view := *r
	view.proc = proc
	return &view
}
