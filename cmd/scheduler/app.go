package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/janitor"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/zync"
)

// app is the tasks and what runs them, for the daemon and for --run-once.
type app struct {
	cfg      config.Config
	log      *slog.Logger
	parts    parts
	registry *prometheus.Registry            // of both tasks, and of the process
	of       map[string]*prometheus.Registry // of one task each
	leases   leases
	runner   *tasks.Runner
	rotate   *rotate.Rotation
	alone    *rotate.Rotation // as rotate, but for a time without Redis
	janitor  *janitor.Janitor
	memory   *ledger.Memory // of what alone did
	reporter *reporter
}

// newApp builds the program from its parts. The error is about the configuration
// alone.
func newApp(cfg config.Config, p parts, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, log: log, parts: p, registry: newRegistry(), of: map[string]*prometheus.Registry{
		tasks.Rotate: prometheus.NewRegistry(), tasks.Janitor: prometheus.NewRegistry(),
	}}
	a.leases = leases{locks.New(p.redis, cfg.KeyPrefix(), p.leaseLife, p.self.Encode())}
	a.runner = &tasks.Runner{
		Leases:   a.leases,
		Record:   p.ledger,
		Metrics:  tasks.NewMetrics(a.registry, tasks.Rotate, tasks.Janitor),
		Log:      log,
		Now:      p.now,
		Wait:     cfg.ByHand.Wait,
		Clean:    p.printable,
		Owns:     p.owns,
		Asks:     cfg.ByHand.HasPrecedence(),
		GivesWay: status.GivesWay,
		Yields:   !cfg.ByHand.RunOnce,
	}
	a.reporter = &reporter{
		file: newMetricsFile(cfg.MetricsFile, a.registry, a.of), ping: func() secret.Text { return cfg.PingURL },
		metrics: a.runner.Metrics, record: p.ledger, log: log,
	}
	a.runner.Ended = a.reporter.ended
	a.janitor = janitor.New(janitor.Options{
		Tokens:     p.stale,
		OpenWriter: func(ctx context.Context) (janitor.Writer, error) { return p.openWriter(ctx, tasks.Janitor) },
		Ledger:     p.ledger,
		Purged:     janitor.NewPurged(a.of[tasks.Janitor]),
		Now:        p.now,
		DryRun:     cfg.ByHand.DryRun,
	})
	o, err := a.rotateOptions()
	if err != nil {
		return nil, err
	}
	a.rotate = rotate.New(o)
	a.memory = ledger.NewMemory(p.self.String())
	o.Ledger, o.Bookmark, o.Said = a.memory, a.memory, nil
	o.Gateways, o.Placeholders = nil, nil // they are on Redis
	a.alone = rotate.New(o)
	return a, nil
}

// rotateOptions are those of a rotation with Redis's ledger.
func (a *app) rotateOptions() (rotate.Options, error) {
	cfg, p := a.cfg, a.parts
	client, err := zync.NewClient(zync.Options{URL: cfg.Zync.Endpoint, Token: p.zyncToken, Endpoint: cfg.Porta.Tenants, Now: p.now, Transport: p.zync})
	if err != nil {
		return rotate.Options{}, err
	}
	o := rotate.Options{
		Porta: rotate.Porta{
			Tenants:    p.tenants,
			Tokens:     p.tenants,
			OpenWriter: func(ctx context.Context) (rotate.Writer, error) { return p.openWriter(ctx, tasks.Rotate) },
			Strays:     p.tenants.Strays,
		},
		Records: rotate.Records{
			Ledger:       p.ledger,
			Bookmark:     p.ledger,
			Said:         p.said,
			FailedAt:     p.failedAt,
			Gateways:     p.ledger.Gateways,
			Placeholders: p.ledger,
		},
		Order: rotate.Order{
			Only:   cfg.ByHand.Tenants,
			Force:  cfg.ByHand.Force,
			DryRun: cfg.ByHand.DryRun,
			Revoke: cfg.ByHand.Revoke,
		},
		Zync:        client,
		Clean:       p.clean,
		Metrics:     rotate.NewMetrics(a.of[tasks.Rotate], cfg.Schedule.TokenTTL, p.now),
		Now:         p.now,
		TTL:         cfg.Schedule.TokenTTL,
		Concurrency: cfg.Zync.Concurrency,
		Rate:        cfg.Zync.Rate,
		Placeholder: cfg.Zync.Placeholder,
	}
	if cfg.ByHand.RunOnce {
		o.RetryFor = cfg.Zync.RetryFor
	}
	if cfg.Porta.Verify {
		porta, err := zync.NewPorta(zync.PortaOptions{URL: cfg.Porta.Endpoint, Endpoint: cfg.Porta.Tenants, Token: p.zyncToken, Transport: p.porta})
		if err != nil {
			return rotate.Options{}, err
		}
		o.Verify = porta.Verify
	}
	return o, nil
}

// newDaemon returns what runs the tasks on their schedules.
func (a *app) newDaemon() *daemon.Daemon {
	alone := *a.runner
	alone.Leases, alone.Record, alone.Owns = tasks.NoLeases{}, a.memory, nil
	s := a.cfg.Schedule
	return daemon.New(daemon.Options{
		Leases:   a.leases,
		Owns:     a.parts.owns,
		Rotate:   daemon.Job{Task: a.rotate, Schedule: s.Rotate, Runner: a.runner},
		Janitor:  daemon.Job{Task: a.janitor, Schedule: s.Janitor, Runner: a.runner},
		Tokens:   a.rotate,
		Alone:    daemon.Job{Task: a.alone, Schedule: s.Rotate, Runner: &alone},
		Record:   a.parts.ledger,
		Outage:   a.memory.Forget,
		TokenTTL: s.TokenTTL,
		Beat:     a.parts.beat,
		Log:      a.log,
		Now:      a.parts.now,
		Registry: a.registry,
	})
}

// leases hands the locker's leases to the runner and the daemon.
type leases struct{ locker *locks.Locker }

func (l leases) Acquire(ctx context.Context, name string) (tasks.Lease, error) {
	lease, err := l.locker.Acquire(ctx, name)
	if err != nil {
		return nil, advise(err)
	}
	return lease, nil
}

// Ask implements [tasks.Askable].
func (l leases) Ask(ctx context.Context, name string) (tasks.Lease, error) {
	request, err := l.locker.Ask(ctx, name)
	if err != nil {
		return nil, err
	}
	return request, nil
}

// Wanted implements [tasks.Askable].
func (l leases) Wanted(ctx context.Context, name string) (bool, error) {
	return l.locker.Wanted(ctx, name)
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "token_scheduler_build_info", Help: "Always 1; its label is the program's version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}
