package check

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// push says what a run would push, and why, where --push asks for placeholders or Zync
// may hold some.
func (c *check) push(ctx context.Context, client redis.UniversalClient) {
	book := ledger.New(client, c.cfg.KeyPrefix(), "")
	held, err := book.CountPlaceholders(ctx)
	if err != nil {
		c.failRedis("push", howToAllow, err)
		return
	}
	if !c.cfg.Zync.Placeholder {
		if held > 0 {
			c.warn("push", "let a daemon run: it gives them live tokens within a minute", "Zync may hold a placeholder for %d tenants", held)
		}
		return
	}
	known, err := book.Gateways(ctx)
	switch why := ledger.Withhold(known, err, time.Now()); why {
	case ledger.Allowed:
		c.ok("push", "placeholders: a gateway carries Zync's requests")
	case ledger.NoGateway:
		c.warn("push", "start a daemon with --gateway-listen", "live tokens in place of placeholders: %s", why.Words())
	default:
		c.warn("push", "see that Zync's SYSTEM_PROVIDER_PORT names the gateway; until a request comes, tokens are pushed",
			"live tokens in place of placeholders: %s", why.Words())
	}
}
