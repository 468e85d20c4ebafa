package main

import (
	"context"
	"fmt"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/listen"
	"github.com/token-scheduler/token-scheduler/gateway"
	"github.com/token-scheduler/token-scheduler/ledger"
)

const (
	// gatewayConnections is more than a gateway answers at a time, so that it can refuse
	// the others.
	gatewayConnections = 320
	// gatewayEach counts the connection to Porta, too.
	gatewayEach = 2
)

// newGateway returns what carries Zync's requests to Porta.
func (a *app) newGateway() (*gateway.Gateway, error) {
	return gateway.New(gateway.Options{
		Porta: a.cfg.Porta.Endpoint, TenantEndpoint: a.cfg.Porta.Tenants.String(), Transport: a.parts.gatewayPorta,
		Zync: a.parts.zyncToken, Tenants: a.parts.hosts, TTL: a.cfg.Schedule.TokenTTL,
		Registry: a.registry, Log: a.log, Now: a.parts.now, Grace: a.cfg.ShutdownGrace,
	})
}

// serveGateway serves Zync's requests until drain is closed. The returned function ends
// it earlier, and waits until the requests at work are answered.
func (a *app) serveGateway(ctx context.Context, drain <-chan struct{}, owns func() bool) (end func(), err error) {
	if a.cfg.Listen.Gateway == "" {
		return func() {}, nil
	}
	listener, err := listen.Bind(ctx, listen.Options{
		Address: a.cfg.Listen.Gateway, Log: a.log, Connections: gatewayConnections, Each: gatewayEach,
		Reserve: a.cfg.Zync.Concurrency + ourFiles,
	})
	if err != nil {
		return nil, err
	}
	g, err := a.newGateway()
	if err != nil {
		_ = listener.Close()
		return nil, fmt.Errorf("make the gateway: %w", err)
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer g.Close()
		defer a.presentGateway(ctx, g, listener.Addr().String(), owns)()
		if err := g.Serve(serving, listener); err != nil {
			a.log.Error("the gateway ended early; Zync retries the requests that were cut off", "err", err)
		}
	}()
	go func() {
		select {
		case <-drain:
		case <-serving.Done():
		}
		stop()
	}()
	a.log.Info("gateway listening", "address", listener.Addr().String())
	return func() { stop(); <-ended }, nil
}

// presentGateway records the gateway every few seconds, until the returned function is
// called. It records nothing unless the ledger is known to be this Porta's. It also adjusts
// the memory goal to the number of tokens.
func (a *app) presentGateway(ctx context.Context, g *gateway.Gateway, address string, owns func() bool) (end func()) {
	since := a.parts.now()
	done := repeat(ctx, ledger.GatewayEvery, func(ctx context.Context) bool {
		boundMemory(memoryGoal + int64(g.Tokens())*tokenMemory)
		if !owns() {
			return false
		}
		said := ledger.Gateway{Address: address, Since: since, LastRequest: g.LastRequest(), Tokens: g.Tokens()}
		if err := a.parts.presence.RecordGateway(ctx, said, a.parts.now()); err != nil && ctx.Err() == nil {
			a.log.Debug("gateway not recorded; the status does not show it", "err", err)
		}
		return true
	})
	return func() {
		if done(); !owns() {
			return
		}
		if err := a.parts.presence.RemoveGateway(context.WithoutCancel(ctx)); err != nil {
			a.log.Debug("gateway not removed from the status; it runs out by itself", "err", err)
		}
	}
}
