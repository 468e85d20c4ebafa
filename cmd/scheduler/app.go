package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/janitor"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/zync"
)

// app holds what the daemon and --run-once share.
type app struct {
	cfg      config.Config
	live     *config.Live
	log      *slog.Logger
	pool     *sqlx.DB
	redis    redis.UniversalClient
	registry *prometheus.Registry
	self     status.Process
	locker   *locks.Locker
	ledger   *ledger.Ledger
	status   *status.Source
	runner   *tasks.Runner
	rotate   *rotate.Rotation
	alone    *rotate.Rotation // as rotate, but for a time without Redis
	janitor  *janitor.Janitor
	now      func() time.Time
}

// newApp wires the program. It connects to nothing yet.
func newApp(cfg config.Config, live *config.Live, log *slog.Logger) (*app, error) {
	live.Follow(&cfg)
	a := &app{cfg: cfg, live: live, log: log, now: utcNow}
	var err error
	if a.pool, err = db.Open(cfg.Database); err != nil {
		return nil, err
	}
	if a.redis, err = locks.Open(cfg.Redis); err != nil {
		return nil, err
	}
	a.registry = newRegistry()
	prefix := cfg.KeyPrefix()
	a.self = status.ThisProcess(version, planOf(cfg), a.now())
	a.locker = locks.New(a.redis, prefix, config.LeaseLife, a.self.Encode())
	a.ledger = ledger.New(a.redis, prefix, a.self.String())
	a.status = newStatus(cfg, a.redis, a.ledger, a.now)
	a.runner = &tasks.Runner{
		Leases:  leases{a.locker},
		Record:  a.ledger,
		Metrics: tasks.NewMetrics(a.registry, tasks.Rotate, tasks.Janitor),
		Log:     log,
		Now:     a.now,
		Wait:    cfg.ByHand.Wait,
	}
	a.janitor = janitor.New(janitor.Options{
		Tokens:     db.NewStaleTokens(a.pool),
		OpenWriter: func(ctx context.Context) (janitor.Writer, error) { return a.openWriter(ctx, tasks.Janitor) },
		Ledger:     a.ledger,
		Purged:     janitor.NewPurged(a.registry),
		Now:        a.now,
		DryRun:     cfg.ByHand.DryRun,
	})
	return a, a.addRotations()
}

// addRotations makes the rotation on Redis's ledger and the one without.
func (a *app) addRotations() error {
	client, err := zync.NewClient(zync.Options{
		URL: a.cfg.Zync.Endpoint, Token: a.live.ZyncToken, Now: a.now,
		Transport: zync.NewTransport(zync.TransportOptions{Connections: a.cfg.Zync.Concurrency}),
	})
	if err != nil {
		return err
	}
	tenants := db.NewTenants(a.pool, a.cfg.Porta.ImpersonationAdmin)
	o := rotate.Options{
		Tenants:     tenants,
		Accepts:     tenants.Accepts,
		OpenWriter:  func(ctx context.Context) (rotate.Writer, error) { return a.openWriter(ctx, tasks.Rotate) },
		Ledger:      a.ledger,
		Bookmark:    a.ledger,
		Zync:        client,
		Metrics:     rotate.NewMetrics(a.registry, a.cfg.Schedule.TokenTTL, a.now),
		Now:         a.now,
		TTL:         a.cfg.Schedule.TokenTTL,
		Concurrency: a.cfg.Zync.Concurrency,
		Rate:        a.cfg.Zync.Rate,
		Only:        a.cfg.ByHand.Tenants,
		Force:       a.cfg.ByHand.Force,
		DryRun:      a.cfg.ByHand.DryRun,
		Revoke:      a.cfg.ByHand.Revoke,
	}
	if a.cfg.ByHand.RunOnce {
		o.RetryFor = a.cfg.Zync.RetryFor
	}
	if a.cfg.Porta.Verify {
		porta, err := zync.NewPorta(zync.PortaOptions{
			URL: a.cfg.Porta.Endpoint, Token: a.live.ZyncToken, Transport: zync.NewTransport(zync.TransportOptions{}),
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
	writer, err := db.OpenWriter(ctx, a.pool, db.WriterOptions{
		Lock:      db.LockName(a.cfg.Name, task),
		LeaseLife: config.LeaseLife,
		MaxSkew:   a.cfg.Schedule.TokenTTL / 2,
	})
	if err != nil {
		return nil, err
	}
	if skew := writer.Skew(); skew.Abs() > config.TolerableSkew {
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
func (a *app) daemon(ctx context.Context, drain <-chan struct{}) int {
	d := a.newDaemon()
	shutdown, err := a.serve(ctx, d)
	if err != nil {
		a.log.Error("no listener; choose another --listen (LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer shutdown()
	a.log.Info("token-scheduler starts", slices.Concat([]any{"version", version}, a.cfg.Show(), []any{
		"next_rotate", a.cfg.Schedule.Rotate.Next(a.now()), "next_janitor", a.cfg.Schedule.Janitor.Next(a.now()),
	})...)
	defer a.live.OnHangup(a.log)()
	d.Run(ctx, drain)
	a.log.Info("token-scheduler has stopped")
	return exitDone
}

func (a *app) newDaemon() *daemon.Daemon {
	alone := *a.runner
	alone.Leases, alone.Record = tasks.NoLeases{}, ledger.NewMemory()
	s := a.cfg.Schedule
	return daemon.New(daemon.Options{
		Leases: leases{a.locker}, Record: a.ledger, Log: a.log, Now: a.now,
		TokenTTL: s.TokenTTL, Beat: daemon.Beat, Registry: a.registry,
		Rotate:  daemon.Job{Task: a.rotate, Schedule: s.Rotate, Runner: a.runner},
		Janitor: daemon.Job{Task: a.janitor, Schedule: s.Janitor, Runner: a.runner},
		Alone:   daemon.Job{Task: a.alone, Schedule: s.Rotate, Runner: &alone},
	})
}
