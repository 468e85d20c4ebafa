package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

// showStatus is --status. It needs Redis. It needs MySQL only for what Porta knows
// about a tenant.
func showStatus(ctx context.Context, cfg config.Config, scrub *secret.Scrubber, log *slog.Logger, stdout io.Writer) int {
	client, err := locks.Open(cfg.Redis)
	if err != nil {
		log.Error("status not read", "err", err)
		return exitUsage
	}
	defer func() { _ = client.Close() }()
	o := statusOptions(cfg, client, ledger.New(client, cfg.KeyPrefix(), ""), scrub)
	belongs := newOwner(cfg, client, nil, log)
	o.Porta = belongs.look
	if !cfg.Database.URL.Empty() {
		mysql, err := db.Open(cfg.Database)
		if err != nil {
			log.Error("status not read", "err", err)
			return exitUsage
		}
		defer func() { _ = mysql.Close() }()
		belongs.mysql = mysql
		o.Accounts = accounts(db.NewTenants(mysql, cfg.Porta.ImpersonationAdmin))
	}
	st, readErr := status.NewSource(o).Read(ctx, status.Query{
		Limit: status.ListOnScreen, Tenant: cfg.Look.Tenant, History: cfg.Look.History,
	})
	if readErr != nil {
		log.Error("status not read; it is kept in Redis", "err", advise(readErr))
	}
	if err := printStatus(stdout, st, cfg.ByHand.ReportJSON); err != nil {
		log.Error("status not printed", "err", err)
		return exitFailed
	}
	switch {
	case readErr != nil:
		return exitUnknown
	case len(st.Problems) > 0:
		return exitFailed
	}
	return exitDone
}

func printStatus(w io.Writer, st status.Status, asJSON bool) (err error) {
	switch {
	case asJSON:
		return json.NewEncoder(w).Encode(st)
	case !st.RedisAway:
		_, err = io.WriteString(w, st.Text())
	}
	return err
}

func statusOptions(cfg config.Config, client redis.UniversalClient, book *ledger.Ledger, scrub *secret.Scrubber) status.Options {
	return status.Options{
		Name: cfg.Name, Ledger: book, Plan: planOf(cfg), Now: utcNow, Clean: scrub.Clean,
		Holder: func(ctx context.Context, lease string) (string, bool, error) {
			return locks.Holder(ctx, client, cfg.KeyPrefix()+lease)
		},
	}
}

// accounts looks tenants up in Porta's database.
func accounts(tenants *db.Tenants) func(context.Context, []int64) (map[int64]status.Account, error) {
	return func(ctx context.Context, ids []int64) (map[int64]status.Account, error) {
		found, err := tenants.Details(ctx, ids)
		if err != nil {
			return nil, err
		}
		known := map[int64]status.Account{}
		for _, a := range found {
			known[a.ID] = status.Account{Host: a.Host.String, State: a.State.String, OwnerID: a.OwnerID.Int64, Owner: a.Owner.String}
		}
		return known, nil
	}
}

func planOf(cfg config.Config) status.Plan {
	s := cfg.Schedule
	return status.Plan{Rotate: s.Rotate, Janitor: s.Janitor, Timezone: s.Timezone, TokenTTL: s.TokenTTL, Placeholder: cfg.Zync.Placeholder}
}
