package check

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

func (c *check) tenants(ctx context.Context, inspector *db.Inspector, tenants *db.Tenants) {
	all, err := tenants.Count(ctx)
	if err == nil && all == 0 {
		err = db.ErrNoMaster
	}
	owned := 0
	if err == nil {
		owned, err = inspector.Owned(ctx)
	}
	switch {
	case err != nil:
		c.fail("tenants", "check that this is Porta's database", "%v", err)
	case owned < all:
		c.warn("tenants", "give them an admin in Porta; until then they get no sync token", "%d tenants, %d of them without an admin", all, all-owned)
	default:
		c.ok("tenants", "%d tenants, all with an admin", all)
	}
}

func (c *check) tokens(ctx context.Context, inspector *db.Inspector) {
	tokens, err := inspector.Tokens(ctx)
	switch {
	case err != nil:
		c.warn("sync tokens", howToRead, "%v", err)
	case tokens.Legacy > 0:
		c.warn("sync tokens", "nothing: the first rotation replaces those that never expire, and the janitor deletes them",
			"%d, of which %d have expired and %d never do", tokens.All, tokens.Expired, tokens.Legacy)
	default:
		c.ok("sync tokens", "%d, of which %d have expired", tokens.All, tokens.Expired)
	}
}

// porta sends Porta the same request as a canary, but without a token.
func (c *check) porta(ctx context.Context, tenants *db.Tenants) {
	if !c.cfg.Porta.Verify {
		c.ok("porta", "not asked: --verify is off")
		return
	}
	page, _, err := tenants.Page(ctx, db.Cursor{}, 2)
	if err != nil || len(page) == 0 {
		c.warn("porta", "see what was found about tenants", "not asked: there is no tenant to ask for")
		return
	}
	transport, err := c.cfg.PortaTransport(nil)
	if err != nil {
		c.fail("porta", "see --porta-ca-file", "%v", err)
		return
	}
	porta, err := zync.NewPorta(zync.PortaOptions{URL: c.cfg.Porta.Endpoint, Token: c.zyncToken, Transport: transport})
	if err != nil {
		c.fail("porta", "see --porta-endpoint", "%v", err)
		return
	}
	began := time.Now()
	tenant := page[len(page)-1]
	status, err := porta.Reach(ctx, zync.Tenant{ID: tenant.ID, Host: tenant.Host.String})
	const advice = "see --porta-endpoint; until then runs go on without the canary, and log that"
	switch {
	case err != nil:
		c.warn("porta", advice, "%v", err)
	case status != http.StatusUnauthorized && status != http.StatusForbidden:
		c.warn("porta", advice, "it answered %d to a request without a token, where 401 or 403 is expected%s", status, c.throughToPorta(tenant))
	default:
		c.ok("porta", "answers in %s%s", since(began), c.throughToPorta(tenant))
	}
}

func (c *check) throughToPorta(tenant db.Tenant) string {
	return c.through(cmp.Or(c.cfg.Porta.Endpoint, "https://"+tenant.Host.String))
}

func (c *check) zyncToken() secret.Text { return c.cfg.Zync.Token }
