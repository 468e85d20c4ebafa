package main

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// presence records running daemons and gateways for the other processes; see
// [ledger.Ledger].
type presence interface {
	Present(ctx context.Context, text string, now time.Time) error
	Absent(ctx context.Context) error
	RecordGateway(ctx context.Context, g ledger.Gateway, now time.Time) error
	RemoveGateway(ctx context.Context) error
}

// present records every few seconds that this daemon runs, until the returned function is
// called. It is for the status only, so a failure is only a debug line. It records nothing
// unless the ledger is known to be this Porta's.
func (a *app) present(ctx context.Context, owns func() bool) (end func()) {
	done := repeat(ctx, ledger.PresentEvery, owns, func(ctx context.Context) {
		if err := a.parts.presence.Present(ctx, a.parts.self.Encode(), a.parts.now()); err != nil && ctx.Err() == nil {
			a.log.Debug("presence not recorded; the status does not show this process", "err", err)
		}
	})
	return func() {
		if done(); !owns() {
			return
		}
		if err := a.parts.presence.Absent(context.WithoutCancel(ctx)); err != nil {
			a.log.Debug("presence not withdrawn; it runs out by itself", "err", err)
		}
	}
}

// askOwnsEvery is how often [repeat] asks whether it may call.
const askOwnsEvery = time.Second

// repeat calls say at once and then at intervals, while owns is true, until the returned
// function is called, which waits for it.
func repeat(ctx context.Context, every time.Duration, owns func() bool, say func(ctx context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		for {
			wait := askOwnsEvery
			if owns() {
				say(ctx)
				wait = every
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		saying.Wait()
	}
}
