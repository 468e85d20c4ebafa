package check

import (
	"context"
	"fmt"
	"strings"

	"github.com/token-scheduler/token-scheduler/db"
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
		c.failSQL("tenants", "check that this is Porta's database", err)
	case owned < all:
		c.warn("tenants", "give them an admin in Porta; until then they get no sync token", "%d tenants, %d of them without an admin", all, all-owned)
	default:
		c.ok("tenants", "%d tenants, all with an admin", all)
	}
}

// leftOut names tenants that a run leaves out, and those whose rows are not as Porta
// writes them.
func (c *check) leftOut(ctx context.Context, tenants *db.Tenants) {
	switch ids, err := tenants.Strays(ctx); {
	case err != nil:
		c.warnSQL("stray tenants", err)
	case len(ids) > 0:
		c.warn("stray tenants", "no scheduled run serves them: set provider_account_id to the master's id, or serve them with --run-once --task=rotate --tenant=ID",
			"provider accounts whose provider_account_id is not the master's: %s", list(ids))
	default:
		c.ok("stray tenants", "none: each provider account belongs to the master")
	}
	switch n, err := tenants.Undated(ctx); {
	case err != nil:
		c.warnSQL("tenants' dates", err)
	case n > 0:
		c.warn("tenants' dates", "correct created_at: Porta writes no such date; the scheduler serves these tenants like all others",
			"tenants with created_at 0000-00-00 or NULL: %d", n)
	default:
		c.ok("tenants' dates", "each tenant has one")
	}
	switch ids, err := tenants.HostsWithPort(ctx); {
	case err != nil:
		c.warnSQL("tenants' hosts", err)
	case len(ids) > 0:
		c.warn("tenants' hosts", "take the port out of self_domain: Porta finds no tenant by such a host, and Zync's requests fail",
			"tenants with a port in self_domain: %s", list(ids))
	default:
		c.ok("tenants' hosts", "none has a port in it")
	}
}

// list names the first ten ids.
func list(ids []int64) string {
	const named = 10
	text := strings.Trim(fmt.Sprint(ids[:min(len(ids), named)]), "[]")
	if more := len(ids) - named; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (c *check) tokens(ctx context.Context, inspector *db.Inspector) {
	tokens, err := inspector.Tokens(ctx)
	switch {
	case err != nil:
		c.warnSQL("sync tokens", err)
	case tokens.Legacy > 0:
		c.warn("sync tokens", "nothing: the first rotation replaces those that never expire, and the janitor deletes them",
			"%d, of which %d have expired and %d never do", tokens.All, tokens.Expired, tokens.Legacy)
	default:
		c.ok("sync tokens", "%d, of which %d have expired", tokens.All, tokens.Expired)
	}
}
