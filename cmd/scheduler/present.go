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
	done := repeat(ctx, ledger.PresentEvery, func(ctx context.Context) bool {
		if !owns() {
			return false
		}
		if err := a.parts.presence.Present(ctx, a.parts.self.Encode(), a.parts.now()); err != nil && ctx.Err() == nil {
			a.log.Debug("presence not recorded; the status does not show this process", "err", err)
		}
		return true
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

// askOwnsEvery is how soon [repeat] calls again what could not be said.
const askOwnsEvery = time.Second

// repeat calls say at once and then at intervals, until the returned function is called,
// which waits for it. It calls again soon if say returns that it could say nothing.
func repeat(ctx context.Context, every time.Duration, say func(ctx context.Context) (said bool)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var saying sync.WaitGroup
	saying.Go(func() {
		for {
			wait := every
			if !say(ctx) {
				wait = askOwnsEvery
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
