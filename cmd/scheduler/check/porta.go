package check

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

// porta sends Porta the same request as a canary and as the gateway, for an approved
// tenant and with X-Zync-Token, but without a token.
func (c *check) porta(ctx context.Context, tenants *db.Tenants) {
	if !c.cfg.Porta.Verify && c.cfg.Listen.Gateway == "" {
		c.ok("porta", "not asked: --verify is off, and there is no gateway")
		return
	}
	tenant, err := tenants.Approved(ctx)
	switch {
	case errors.Is(err, db.ErrNoneApproved):
		c.warn("porta", "approve a tenant in Porta; until then runs go on without the canary", "not asked: %v", err)
		return
	case err != nil:
		c.warnSQL("porta", err)
		return
	}
	c.tenantEndpoint(tenant)
	transport, err := c.cfg.PortaTransport(nil)
	if err != nil {
		c.fail("porta", "see --porta-ca-file", "%v", err)
		return
	}
	porta, err := zync.NewPorta(zync.PortaOptions{
		URL: c.cfg.Porta.Endpoint, Endpoint: c.cfg.Porta.Tenants, Token: c.zyncToken, Transport: transport,
	})
	if err != nil {
		c.fail("porta", "see --porta-endpoint", "%v", err)
		return
	}
	began := time.Now()
	status, err := porta.Reach(ctx, zync.Tenant{ID: tenant.ID, Host: tenant.Host.String})
	advice := "see --porta-endpoint; until then runs go on without the canary, and log that"
	if c.cfg.Listen.Gateway != "" {
		advice += "; the gateway can't serve Zync"
	}
	switch {
	case err != nil:
		c.warn("porta", advice, "asked for tenant %d: %v", tenant.ID, err)
	case status != http.StatusUnauthorized && status != http.StatusForbidden:
		c.warn("porta", advice, "it answered %d to a request for tenant %d without a token, where 401 or 403 is expected%s",
			status, tenant.ID, c.throughToPorta(tenant))
	default:
		c.ok("porta", "answers for tenant %d in %s%s", tenant.ID, since(began), c.throughToPorta(tenant))
	}
}

// tenantEndpoint shows what Zync is told of a tenant.
func (c *check) tenantEndpoint(tenant db.Tenant) {
	endpoint, err := c.cfg.Porta.Tenants.Of(tenant.Host.String)
	if err != nil {
		c.fail("tenant endpoint", "see --tenant-endpoint", "of tenant %d: %v", tenant.ID, err)
		return
	}
	c.ok("tenant endpoint", "of tenant %d: %s", tenant.ID, endpoint)
}

func (c *check) throughToPorta(tenant db.Tenant) string {
	own, err := c.cfg.Porta.Tenants.Of(tenant.Host.String)
	if err != nil {
		return ""
	}
	return c.through(cmp.Or(c.cfg.Porta.Endpoint, own))
}

func (c *check) zyncToken() secret.Text { return c.cfg.Zync.Token }
