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

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// simTimes are the intervals and schedules of a world.
type simTimes struct {
	ttl, beat, lease time.Duration
	rotate, janitor  string
}

// simWeek has the times of production, with two exceptions. Beat and lease are longer, so
// that a week has ten thousand beats and not half a million.
var simWeek = simTimes{24 * time.Hour, time.Minute, 10 * time.Minute, "0 * * * *", "0 0 * * 0"}

// simWorld is an installation: the schedulers, their servers, and what the checks know.
type simWorld struct {
	times   simTimes
	seed    uint64
	tenants int
	chance  *rand.Rand // decides which troubles come; only one goroutine uses it
	dice    *rand.Rand // decides what happens to each push; guarded by mu
	porta   *sim.Porta
	redis   *sim.Redis
	zync    *sim.Zync
	procs   []*simProc
	start   time.Time

	mu         sync.Mutex
	problems   []string
	events     []string
	excused    map[int64]time.Time // when a tenant's owner and tokens were deleted
	deliveries map[int64][]time.Time
	known      map[int64]time.Time // since when a tenant exists
	cached     map[int64]cached    // Porta's own tokens
	trouble    time.Time           // when the last general trouble ends
	alone      map[int64]*alone    // tenants that fail alone
	zyncWell   time.Time           // when Zync's last trouble ends
	storm      func() int          // chooses the status for every tenant; nil for the usual one
	busy       [2]int              // samples of the run lease in quiet windows: how many, and how many of them held
	lostAt     time.Time           // when MySQL last lost tokens
	placeholders
	stats map[string]int
}

// ownPrefix begins the digests of Porta's own tokens.
const ownPrefix = "own-"

// cached is a token that Porta made itself. It may push the token again for an hour.
type cached struct {
	digest string
	made   time.Time
}

// alone is a tenant that fails while Zync is well.
type alone struct {
	status      int
	since, till time.Time
}

// answer chooses the status of Zync's answer for a tenant. 0 is the usual one.
func (w *simWorld) answer(tenant int64) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.alone[tenant]; a != nil && time.Now().Before(a.till) {
		return a.status
	}
	if w.storm != nil {
		return w.storm()
	}
	return 0
}

// storms makes f choose the status for every tenant for a time, and returns the time.
func (w *simWorld) storms(d time.Duration, f func() int) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storm, w.zyncWell = f, time.Now().Add(d)
	time.AfterFunc(d, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.storm = nil
	})
	return d
}

// failAlone makes these tenants fail for a time, and no others.
func (w *simWorld) failAlone(ids []int64, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		status := []int{500, sim.Hang, 422, sim.Stored + 500, 503}[w.chance.IntN(5)]
		since := time.Now()
		if before := w.alone[id]; before != nil && since.Sub(before.till) < 2*time.Hour {
			since = before.since // the tenant had no time to recover
		}
		w.alone[id] = &alone{status, since, time.Now().Add(d)}
	}
}

// lose makes MySQL lose tokens by a failover. If a lost token is the one that Zync holds,
// its tenant is locked out. The program has ten minutes to mend that.
func (w *simWorld) lose(failover func()) {
	failover()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lostAt = time.Now()
	clear(w.cached) // the tokens that Porta made itself are lost, too
}

// simProc is one scheduler. It runs the program's own daemon on the world's servers.
type simProc struct {
	net    *sim.Process
	drain  chan struct{}
	cancel context.CancelCauseFunc
	ended  chan struct{}
	offset time.Duration // of its clock, guarded by the world

	placing bool         // it was told to push placeholders
	gateway *sim.Gateway // nil if it serves none
}

func newSimWorld(seed uint64, tenants int, times simTimes) *simWorld {
	w := &simWorld{
		times: times, seed: seed, tenants: tenants, chance: rand.New(rand.NewPCG(seed, 1)), dice: rand.New(rand.NewPCG(seed, 2)), start: time.Now(),
		porta: sim.NewPorta(tenants), redis: sim.NewRedis(), zync: sim.NewZync(),
		excused: map[int64]time.Time{}, deliveries: map[int64][]time.Time{}, known: map[int64]time.Time{},
		cached: map[int64]cached{}, alone: map[int64]*alone{}, stats: map[string]int{},
		placeholders: placeholders{since: map[int64]time.Time{}},
	}
	w.zync.Answer(w.answer)
	for i, s := range []*sim.Server{w.porta.Server, w.redis.Server, w.zync.Server} {
		s.Draw(rand.New(rand.NewPCG(seed, uint64(i)+10)))
		s.Set(fair)
	}
	w.zync.Echo(0.01, rand.New(rand.NewPCG(seed, 20)))
	w.zync.OnStore(w.stored)
	w.porta.OnEnd(w.tokenEnded)
	return w
}

// fair is a server without trouble.
var fair = sim.Weather{Latency: 20 * time.Millisecond}

// boot starts a scheduler. offset is the error of its clock.
func (w *simWorld) boot(offset time.Duration) *simProc {
	p := &simProc{net: &sim.Process{}, drain: make(chan struct{}), ended: make(chan struct{}), offset: offset}
	w.serve(p)
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

// now is the time on the clock of a process.
func (w *simWorld) now(p *simProc) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(p.offset).UTC()
}

// daemon builds the program as it ships, on the world's servers.
func (w *simWorld) daemon(p *simProc) (*daemon.Daemon, error) {
	log := slog.New(asideWatch{w, p})
	if os.Getenv("SEED") != "" && os.Getenv("VERBOSE") != "" {
		log = slog.New(newFormat(false, slog.LevelDebug, os.Stderr)).With("proc", fmt.Sprintf("%p", p))
	}
	cfg := config.Config{Name: "sim", Zync: config.Zync{Endpoint: "http://zync", Concurrency: 3, Placeholder: p.placing}, Schedule: config.Schedule{
		Rotate: mustParse(w.times.rotate), Janitor: mustParse(w.times.janitor), Timezone: time.UTC, TokenTTL: w.times.ttl,
	}}
	a, err := newApp(cfg, w.parts(p), log)
	if err != nil {
		return nil, err
	}
	return a.newDaemon(), nil
}

// parts are the world's servers for the calls of a process.
func (w *simWorld) parts(p *simProc) parts {
	now := func() time.Time { return w.now(p) }
	porta, redis := w.porta.As(p.net), w.redis.As(p.net)
	return parts{
		tenants: porta,
		stale:   porta.Stale(),
		openWriter: func(ctx context.Context, task string) (writer, error) {
			if off := time.Until(now()).Abs(); off > w.times.ttl/2 {
				return nil, errors.New("clock skew")
			}
			return porta.OpenWriter(ctx, task, w.times.lease)
		},
		ledger:     sim.NewLedger(redis),
		redis:      redis,
		transports: transports{zync: w.zync.As(p.net)},
		now:        now,
		leaseLife:  w.times.lease,
		beat:       w.times.beat,
	}
}

func mustParse(spec string) tasks.Schedule {
	s, err := tasks.ParseSchedule(spec, time.UTC)
	if err != nil {
		panic(err)
	}
	return s
}

// end stops a process, by SIGTERM or by SIGKILL.
func (p *simProc) end(kill bool) {
	if p.gateway != nil && !kill {
		p.gateway.Stop()
	}
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
