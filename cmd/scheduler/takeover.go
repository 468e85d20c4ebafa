package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/check"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

// takeOver is --take-over. It makes leases and ledger belong to this Porta.
func takeOver(ctx context.Context, cfg config.Config, log *slog.Logger, stdout io.Writer) int {
	mysql, err := db.Open(cfg.Database)
	if err != nil {
		log.Error("nothing taken over", "err", err)
		return exitUsage
	}
	defer func() { _ = mysql.Close() }()
	client, err := locks.Open(cfg.Redis)
	if err != nil {
		log.Error("nothing taken over", "err", err)
		return exitUsage
	}
	defer func() { _ = client.Close() }()
	said, err := newOwner(cfg, client, mysql, log).takeOver(ctx, status.ThisProcess(version, planOf(cfg), utcNow()))
	switch {
	case errors.Is(err, locks.ErrHeld):
		log.Error("nothing taken over: another scheduler of this name is at work; stop it first. If it was killed, try again in half a minute", "err", err)
		return exitBusy
	case err != nil:
		log.Error("nothing taken over", "err", err)
		return exitFailed
	}
	if _, err := fmt.Fprintln(stdout, said); err != nil {
		return exitFailed
	}
	return exitDone
}

// takeOver forgets the ledger and then writes this Porta's fingerprint. It holds every
// lease meanwhile, so no scheduler of either Porta is at work. It returns what it did.
func (o *owner) takeOver(ctx context.Context, self status.Process) (string, error) {
	mine, err := o.mine(ctx)
	if err != nil {
		return "", err
	}
	theirs, err := usable(locks.Recorded(ctx, o.client, o.prefix))
	if err != nil {
		return "", err
	}
	if theirs == mine {
		return fmt.Sprintf("nothing to do: the keys of the name %q belong to this Porta, %s", o.name, mine), nil
	}
	locker := locks.New(o.client, o.prefix, config.LeaseLife, self.Encode())
	for _, name := range check.LeaseNames() {
		lease, err := locker.Acquire(ctx, name)
		if held, is := errors.AsType[*locks.HeldError](err); is {
			return "", fmt.Errorf("lease %s: %w, %s", name, err, secret.Printable(status.NameOf(held.Holder)))
		}
		if err != nil {
			return "", err
		}
		defer func() { _ = lease.Release() }() // it runs out by itself
		ctx = lease.Context()
	}
	// In this order: a ledger of the other Porta must never seem to be ours.
	if err := ledger.New(o.client, o.prefix, self.String()).ForgetAll(ctx); err != nil {
		return "", err
	}
	if err := locks.Adopt(ctx, o.client, o.prefix, mine); err != nil {
		return "", err
	}
	if theirs == "" {
		theirs = "nobody"
	}
	return fmt.Sprintf("taken over: the keys of the name %q belonged to %s and belong to %s now; nobody counts as served, and the next rotation serves everyone",
		o.name, theirs, mine), nil
}
