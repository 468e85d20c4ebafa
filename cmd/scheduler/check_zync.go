package main

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

func (c *check) zync(ctx context.Context) {
	client, err := zync.NewClient(zync.Options{
		URL: c.cfg.Zync.Endpoint, Token: func() secret.Text { return c.cfg.Zync.Token }, Now: time.Now,
		Transport: zync.NewTransport(zync.TransportOptions{Connections: 1}),
	})
	if err != nil {
		c.fail("zync", "see --zync-endpoint", "%v", err)
		return
	}
	began := time.Now()
	if err := client.Alive(ctx); err != nil {
		c.fail("zync", "is it up, and does --zync-endpoint name it?", "%v", err)
		return
	}
	c.ok("zync", "lives, answers in %s", time.Since(began).Round(time.Millisecond))
	if c.cfg.Zync.Token.Empty() {
		c.warn("zync credential", "give ZYNC_AUTHENTICATION_TOKEN as Porta has it", "none is sent")
	} else {
		c.ok("zync credential", "one is sent; whether Zync takes it shows with the first push")
	}
}

// porta asks Porta as the trial of a run's first token does, but without one.
func (c *check) porta(ctx context.Context, tenants *db.Tenants) {
	if !c.cfg.Porta.Verify {
		c.ok("porta", "not asked: verification is off")
		return
	}
	page, _, err := tenants.Page(ctx, db.Cursor{}, 2)
	if err != nil || len(page) == 0 {
		c.warn("porta", "", "not asked: there is no tenant to ask for")
		return
	}
	porta, err := zync.NewPorta(zync.PortaOptions{
		URL: c.cfg.Porta.Endpoint, Token: func() secret.Text { return c.cfg.Zync.Token }, Transport: zync.NewTransport(zync.TransportOptions{}),
	})
	if err != nil {
		c.fail("porta", "see --porta-endpoint", "%v", err)
		return
	}
	began := time.Now()
	tenant := page[len(page)-1]
	status, err := porta.Reach(ctx, zync.Tenant{ID: tenant.ID, Host: tenant.Host.String})
	const advice = "see --porta-endpoint; a run goes on without the trial of its first token, and says so"
	switch {
	case err != nil:
		c.warn("porta", advice, "%v", err)
	case status != 401 && status != 403:
		c.warn("porta", advice, "it answered %d to a request without a token, where 401 or 403 is expected", status)
	default:
		c.ok("porta", "answers in %s", time.Since(began).Round(time.Millisecond))
	}
}
