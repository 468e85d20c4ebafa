package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/janitor"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/zync"
)

const (
	// leaseLife is how long a leader or a run that died keeps its place.
	leaseLife = 15 * time.Second
	// tolerableSkew is how far MySQL's clock may be from ours without a word.
	tolerableSkew = time.Minute
)

// app holds what the daemon and --run-once share.
type app struct {
	cfg      config
	live     *live
	log      *slog.Logger
	pool     *sqlx.DB
	writers  map[string]*db.Writers // by task
	redis    redis.UniversalClient
	registry *prometheus.Registry
	self     holder
	locker   *locks.Locker
	ledger   *ledger.Ledger
	status   *statusSource
	runner   *tasks.Runner
	rotate   *rotate.Rotation
	alone    *rotate.Rotation // as rotate, but for a time without Redis
	janitor  *janitor.Janitor
	now      func() time.Time
}

// keyPrefix begins each key of an installation. Its name is a hash tag, so that
// one slot of a Redis Cluster holds them all.
func keyPrefix(cfg config) string { return "token-scheduler:{" + cfg.name + "}:" }

// newApp wires the program. It connects to nothing yet.
func newApp(cfg config, live *live, log *slog.Logger) (*app, error) {
	live.follow(&cfg)
	a := &app{cfg: cfg, live: live, log: log, now: func() time.Time { return time.Now().UTC() }}
	var err error
	if a.pool, err = db.Open(cfg.database); err != nil {
		return nil, err
	}
	if a.redis, err = locks.Open(cfg.redis); err != nil {
		return nil, err
	}
	a.writers = map[string]*db.Writers{}
	for _, task := range []string{tasks.Rotate, tasks.Janitor} {
		a.writers[task] = db.NewWriters(a.pool, db.WriterOptions{Task: task, LeaseLife: leaseLife, MaxSkew: cfg.tokenTTL / 2})
	}
	a.registry = newRegistry()
	prefix := keyPrefix(cfg)
	a.self = newHolder(cfg, a.now())
	a.locker = locks.New(a.redis, prefix, leaseLife, a.self.encode())
	a.ledger = ledger.New(a.redis, prefix, a.self.String())
	a.status = &statusSource{redis: a.redis, ledger: a.ledger, prefix: prefix, cfg: cfg, now: a.now}
	a.runner = &tasks.Runner{
		Leases:  leases{a.locker},
		Record:  a.ledger,
		Metrics: tasks.NewMetrics(a.registry, tasks.Rotate, tasks.Janitor),
		Log:     log,
		Now:     a.now,
		Wait:    cfg.wait,
	}
	a.janitor = janitor.New(janitor.Options{
		Tokens:     db.NewStaleTokens(a.pool),
		OpenWriter: func(ctx context.Context) (janitor.Writer, error) { return a.openWriter(ctx, tasks.Janitor) },
		Ledger:     a.ledger,
		Purged:     janitor.NewPurged(a.registry),
		Now:        a.now,
		DryRun:     cfg.dryRun,
	})
	return a, a.addRotations()
}

// addRotations makes the rotation on Redis's ledger and the one without.
func (a *app) addRotations() error {
	client, err := zync.NewClient(zync.Options{
		URL: a.cfg.zyncEndpoint, Token: a.live.zyncToken, Now: a.now,
		Transport: zync.NewTransport(zync.TransportOptions{Connections: a.cfg.pushConcurrency}),
	})
	if err != nil {
		return err
	}
	tenants := db.NewTenants(a.pool, a.cfg.impersonation)
	o := rotate.Options{
		Tenants:     tenants,
		Missing:     db.NewTokens(a.pool).Missing,
		OpenWriter:  func(ctx context.Context) (rotate.Writer, error) { return a.openWriter(ctx, tasks.Rotate) },
		Ledger:      a.ledger,
		Bookmark:    a.ledger,
		Zync:        client,
		Metrics:     rotate.NewMetrics(a.registry, a.cfg.tokenTTL, a.now),
		Now:         a.now,
		TTL:         a.cfg.tokenTTL,
		Concurrency: a.cfg.pushConcurrency,
		Rate:        a.cfg.pushRate,
		Only:        a.cfg.tenants,
		Force:       a.cfg.force,
		DryRun:      a.cfg.dryRun,
		Revoke:      a.cfg.revoke,
	}
	if a.cfg.runOnce {
		o.RetryFor = a.cfg.retryFor
	}
	if a.cfg.verify {
		porta, err := zync.NewPorta(zync.PortaOptions{
			URL: a.cfg.portaEndpoint, Token: a.live.zyncToken, Transport: zync.NewTransport(zync.TransportOptions{}),
		})
		if err != nil {
			return err
		}
		o.Verify = porta.Verify
	}
	a.rotate = rotate.New(o)
	memory := ledger.NewMemory()
	o.Ledger, o.Bookmark = memory, memory
	a.alone = rotate.New(o)
	return nil
}

// openWriter takes the one connection that may write for a task.
func (a *app) openWriter(ctx context.Context, task string) (*db.Writer, error) {
	writer, err := a.writers[task].Open(ctx)
	if err != nil {
		return nil, err
	}
	if skew := writer.Skew(); skew.Abs() > tolerableSkew {
		a.log.Warn("MySQL's clock and ours differ; check time synchronisation on both", "task", task, "skew", skew)
	}
	return writer, nil
}

func (a *app) close() {
	_ = a.redis.Close()
	_ = a.pool.Close()
}

// leases hands the locker's leases to the runner.
type leases struct{ locker *locks.Locker }

func (l leases) Acquire(ctx context.Context, name string) (tasks.Lease, error) {
	lease, err := l.locker.Acquire(ctx, name)
	if err != nil {
		return nil, err
	}
	return lease, nil
}

// daemon runs until it is told to stop.
func (a *app) daemon(stop *stopping) int {
	d := a.newDaemon(stop)
	shutdown, err := a.serve(d)
	if err != nil {
		a.log.Error("no listener; choose another --listen (LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer shutdown()
	a.logConfiguration()
	defer a.live.onHangup(a.log)()
	systemd := service{a.log}
	defer systemd.watch(d)()
	systemd.say("READY=1")
	go func() {
		<-stop.drain
		systemd.say("STOPPING=1")
	}()
	d.run()
	a.log.Info("token-scheduler has stopped")
	return exitDone
}

func (a *app) newDaemon(stop *stopping) *daemon {
	alone := *a.runner
	alone.Leases, alone.Record = tasks.NoLeases{}, ledger.NewMemory()
	d := &daemon{
		leaders:  leases{a.locker},
		rotate:   newJob(a.rotate, a.cfg.rotate, a.runner, stop.drain),
		janitor:  newJob(a.janitor, a.cfg.janitor, a.runner, stop.drain),
		alone:    newJob(a.alone, a.cfg.rotate, &alone, stop.drain),
		record:   a.ledger,
		stop:     stop,
		location: a.cfg.timezone,
		log:      a.log,
		now:      a.now,
		ttl:      a.cfg.tokenTTL,
		every:    beatEvery,
		gauges:   newGauges(a.registry),
	}
	return d.begin()
}
