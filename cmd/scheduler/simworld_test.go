package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/janitor"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/sim"
	"github.com/token-scheduler/token-scheduler/zync"
)

// simTimes are the times that a world goes by.
type simTimes struct {
	ttl, beat, lease time.Duration
	rotate, janitor  string
}

// simWeek is production's but for the beat and the lease's life, which are
// stretched so that a week has ten thousand beats and not half a million.
var simWeek = simTimes{24 * time.Hour, time.Minute, 10 * time.Minute, "0 * * * *", "0 0 * * 0"}

// simWorld is a week of an installation: two schedulers, and all that they meet.
type simWorld struct {
	times  simTimes
	seed   uint64
	chance *rand.Rand // of the troubles; the one goroutine's that makes them
	dice   *rand.Rand // of what they do, guarded by the lock
	porta  *sim.Porta
	redis  *sim.Redis
	zync   *sim.Zync
	procs  []*simProc
	start  time.Time

	mu         sync.Mutex
	problems   []string
	events     []string
	excused    map[int64]time.Time // when their owner was deleted, and their tokens with it
	deliveries map[int64][]time.Time
	known      map[int64]time.Time // since when a tenant exists
	cached     map[int64]cached    // Porta's own tokens
	trouble    time.Time           // until when anything was wrong
	stats      map[string]int
}

// cached is a token of Porta's own, which it may push again for an hour.
type cached struct {
	digest string
	made   time.Time
}

// simProc is one scheduler: the daemon's own code, on the world's servers.
type simProc struct {
	net    *sim.Process
	drain  chan struct{}
	cancel context.CancelCauseFunc
	ended  chan struct{}
	offset time.Duration // of its clock, guarded by the world
}

func newSimWorld(seed uint64, tenants int, times simTimes) *simWorld {
	w := &simWorld{
		times: times, seed: seed, chance: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)), start: time.Now(),
		porta: sim.NewPorta(tenants), redis: sim.NewRedis(), zync: sim.NewZync(),
		excused: map[int64]time.Time{}, deliveries: map[int64][]time.Time{}, known: map[int64]time.Time{},
		cached: map[int64]cached{}, stats: map[string]int{},
	}
	for i, s := range []*sim.Server{w.porta.Server, w.redis.Server, w.zync.Server} {
		s.Draw(rand.New(rand.NewPCG(seed, uint64(i)+10)))
		s.Set(fair)
	}
	w.zync.Echo(0.01, rand.New(rand.NewPCG(seed, 20)))
	w.zync.OnStore(w.stored)
	w.porta.OnEnd(w.tokenEnded)
	return w
}

// fair is the weather on a good day.
var fair = sim.Weather{Latency: 20 * time.Millisecond}

// boot starts a scheduler whose clock is off.
func (w *simWorld) boot(offset time.Duration) *simProc {
	p := &simProc{net: &sim.Process{}, drain: make(chan struct{}), ended: make(chan struct{}), offset: offset}
	d, err := w.daemon(p)
	if err != nil {
		panic(err)
	}
	var life context.Context
	life, p.cancel = context.WithCancelCause(context.Background())
	go func() {
		defer close(p.ended)
		d.Run(life, p.drain)
	}()
	return p
}

// now is the time as a process has it.
func (w *simWorld) now(p *simProc) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(p.offset).UTC()
}

func (w *simWorld) daemon(p *simProc) (*daemon.Daemon, error) {
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SEED") != "" && os.Getenv("VERBOSE") != "" {
		log = newLogger(config.Config{}, slog.LevelDebug, os.Stderr).With("proc", fmt.Sprintf("%p", p))
	}
	now := func() time.Time { return w.now(p) }
	porta, redis, record := w.porta.As(p.net), w.redis.As(p.net), sim.NewLedger(w.redis.As(p.net))
	client, err := zync.NewClient(zync.Options{URL: "http://zync", Now: now, Transport: w.zync.As(p.net)})
	if err != nil {
		return nil, err
	}
	openWriter := func(ctx context.Context, task string) (*sim.Writer, error) {
		if off := time.Until(now()).Abs(); off > w.times.ttl/2 {
			return nil, errors.New("clock skew")
		}
		return porta.OpenWriter(ctx, task, w.times.lease)
	}
	registry := prometheus.NewRegistry()
	o := rotate.Options{
		Tenants: porta, Accepts: porta.Accepts, Ledger: record, Bookmark: record, Zync: client, Now: now, TTL: w.times.ttl, Concurrency: 3,
		Metrics: rotate.NewMetrics(registry, w.times.ttl, now),
		OpenWriter: func(ctx context.Context) (rotate.Writer, error) {
			writer, err := openWriter(ctx, tasks.Rotate)
			if err != nil {
				return nil, err
			}
			return writer, nil
		},
	}
	j := janitor.Options{
		Tokens: porta.Stale(), Ledger: record, Purged: janitor.NewPurged(registry), Now: now,
		OpenWriter: func(ctx context.Context) (janitor.Writer, error) {
			writer, err := openWriter(ctx, tasks.Janitor)
			if err != nil {
				return nil, err
			}
			return writer, nil
		},
	}
	locker := locks.New(redis, "p:", w.times.lease, "")
	runner := &tasks.Runner{
		Leases: leases{locker}, Record: record, Log: log, Now: now,
		Metrics: tasks.NewMetrics(registry, tasks.Rotate, tasks.Janitor),
	}
	hourly, weekly := mustParse(w.times.rotate), mustParse(w.times.janitor)
	alone := *runner
	alone.Leases, alone.Record = tasks.NoLeases{}, ledger.NewMemory()
	memory := ledger.NewMemory()
	without := o
	without.Ledger, without.Bookmark = memory, memory
	return daemon.New(daemon.Options{
		Leases: leases{locker}, Record: record, Log: log, Now: now, TokenTTL: w.times.ttl, Beat: w.times.beat, Registry: registry,
		Rotate:  daemon.Job{Task: rotate.New(o), Schedule: hourly, Runner: runner},
		Janitor: daemon.Job{Task: janitor.New(j), Schedule: weekly, Runner: runner},
		Alone:   daemon.Job{Task: rotate.New(without), Schedule: hourly, Runner: &alone},
	}), nil
}

func mustParse(spec string) tasks.Schedule {
	s, err := tasks.ParseSchedule(spec, time.UTC)
	if err != nil {
		panic(err)
	}
	return s
}

// end stops a process: in order, or as a kill would.
func (p *simProc) end(kill bool) {
	if kill {
		p.net.Kill()
		p.cancel(sim.ErrKilled)
	}
	p.net.Resume()
	close(p.drain)
	if kill {
		<-p.ended
		return
	}
	grace := time.AfterFunc(25*time.Second, func() { p.cancel(errors.New("the grace is over")) })
	<-p.ended
	grace.Stop()
	p.cancel(nil)
}
