package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

// showStatus is --status. It needs Redis and nothing else.
func showStatus(ctx context.Context, cfg config.Config, scrub *secret.Scrubber, log *slog.Logger, stdout io.Writer) int {
	client, err := locks.Open(cfg.Redis)
	if err != nil {
		log.Error("status not read", "err", err)
		return exitUsage
	}
	defer func() { _ = client.Close() }()
	source := newStatus(cfg, client, ledger.New(client, cfg.KeyPrefix(), ""), scrub)
	st, err := source.Read(ctx, status.ListOnScreen)
	if err != nil {
		log.Error("status not read; it is kept in Redis", "err", err)
		return exitFailed
	}
	if cfg.ByHand.ReportJSON {
		err = json.NewEncoder(stdout).Encode(st)
	} else {
		_, err = io.WriteString(stdout, st.Text())
	}
	if err != nil {
		log.Error("status not printed", "err", err)
		return exitFailed
	}
	return exitDone
}

func newStatus(cfg config.Config, client redis.UniversalClient, ledger *ledger.Ledger, scrub *secret.Scrubber) *status.Source {
	return status.NewSource(status.Options{
		Name: cfg.Name, Ledger: ledger, Plan: planOf(cfg), Now: utcNow, Clean: scrub.Clean,
		Holder: func(ctx context.Context, lease string) (string, bool, error) {
			return locks.Holder(ctx, client, cfg.KeyPrefix()+lease)
		},
	})
}

func planOf(cfg config.Config) status.Plan {
	s := cfg.Schedule
	return status.Plan{Rotate: s.Rotate, Janitor: s.Janitor, Timezone: s.Timezone, TokenTTL: s.TokenTTL}
}
