package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// backends are the real servers: the parts that are made of them, and what only they can
// answer.
type backends struct {
	parts
	mysql  *sqlx.DB
	hosts  *sqlx.DB // the gateway's pool, which runs do not use
	client redis.UniversalClient
	status status.Options
}

// connect prepares the real servers. It opens no connection yet: the error is about
// the configuration alone.
func connect(cfg config.Config, live *config.Live, scrub *secret.Scrubber, log *slog.Logger) (*backends, error) {
	live.Follow(&cfg, log)
	carry, err := newTransports(cfg, scrub)
	if err != nil {
		return nil, err
	}
	mysql, err := db.Open(cfg.Database)
	if err != nil {
		return nil, err
	}
	hosts, err := db.Open(cfg.Database)
	if err != nil {
		return nil, err
	}
	client, err := locks.Open(cfg.Redis)
	if err != nil {
		return nil, errors.Join(err, mysql.Close(), hosts.Close())
	}
	self := status.ThisProcess(version, planOf(cfg), utcNow())
	self.ByHand = cfg.ByHand.RunOnce
	book := ledger.New(client, cfg.KeyPrefix(), self.String()).MoveAside(func(f *ledger.ForeignError) {
		log.Error("another program has written to a key of the ledger; its value was moved aside and the ledger begins anew. Tenants that were served in this window are served once more",
			"key", f.Key, "type", f.Type, "moved_to", f.Aside)
	})
	tenants := db.NewTenants(mysql, cfg.Porta.ImpersonationAdmin)
	belongs := newOwner(cfg, client, mysql, log)
	shown := statusOptions(cfg, client, book, scrub)
	shown.Self, shown.Accounts, shown.Porta = self, accounts(tenants), belongs.look
	return &backends{
		mysql: mysql, hosts: hosts, client: client, status: shown,
		parts: parts{
			self:       self,
			tenants:    portaTenants{tenants, db.NewTokens(mysql), mysql},
			stale:      db.NewStaleTokens(mysql),
			openWriter: writers(cfg, mysql, log),
			ledger:     book,
			presence:   book,
			said:       book,
			failedAt:   book.FailedAt,
			owns:       belongs.check,
			redis:      client,
			hosts:      db.NewHosts(hosts, cfg.Porta.ImpersonationAdmin),
			transports: carry,
			zyncToken:  live.ZyncToken,
			clean:      scrub.Clean,
			cleanError: scrub.Error,
			now:        utcNow,
			leaseLife:  config.LeaseLife,
			beat:       daemon.Beat,
		},
	}, nil
}

func newTransports(cfg config.Config, scrub *secret.Scrubber) (t transports, err error) {
	if t.zync, err = cfg.ZyncTransport(scrub.Error); err != nil {
		return t, err
	}
	if t.porta, err = cfg.PortaTransport(scrub.Error); err != nil {
		return t, err
	}
	t.gatewayPorta, err = cfg.GatewayTransport()
	return t, err
}

// writers opens the one connection that may write for a task.
func writers(cfg config.Config, pool *sqlx.DB, log *slog.Logger) func(context.Context, string) (writer, error) {
	openers := map[string]*db.Writers{}
	for _, task := range []string{tasks.Rotate, tasks.Janitor} {
		openers[task] = db.NewWriters(pool, db.WriterOptions{
			Task: task, LeaseLife: config.LeaseLife, MaxSkew: cfg.Schedule.TokenTTL / 2,
		})
	}
	return func(ctx context.Context, task string) (writer, error) {
		w, err := openers[task].Open(ctx)
		if err != nil {
			return nil, err
		}
		if skew := w.Skew(); skew.Abs() > config.TolerableSkew {
			log.Warn("MySQL's clock and this machine's differ; check time synchronisation on both", "task", task, "skew", skew)
		}
		return w, nil
	}
}

func (s *backends) close() {
	_ = s.client.Close()
	_ = s.mysql.Close()
	_ = s.hosts.Close()
}

const readyTimeout = 3 * time.Second

// ready returns the error of each server that does not answer, MySQL's and Redis's.
func (s *backends) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var all error
	if err := db.Ping(ctx, s.mysql); err != nil {
		all = errors.Join(errMySQL, err)
	}
	if err := s.client.Ping(ctx).Err(); err != nil {
		all = errors.Join(all, errRedis, err)
	}
	return all
}

func utcNow() time.Time { return time.Now().UTC() }
