package check

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// push says what a run would push, and why, where --push asks for placeholders or Zync
// may hold some.
func (c *check) push(ctx context.Context, book *ledger.Ledger, known []ledger.Gateway, err error, now time.Time) {
	held, countErr := book.CountPlaceholders(ctx)
	if countErr != nil {
		c.failRedis("push", howToAllow, countErr)
		return
	}
	if !c.cfg.Zync.Placeholder {
		if held > 0 {
			c.warn("push", "let a daemon run: it gives them live tokens within a minute", "Zync may hold a placeholder for %d tenants", held)
		}
		return
	}
	switch why := ledger.Withhold(known, err, now); why {
	case ledger.Allowed:
		c.ok("push", "placeholders: a gateway carries Zync's requests")
	case ledger.NoGateway:
		c.warn("push", "start a daemon with --gateway-listen", "live tokens in place of placeholders: %s", why.Words())
	default:
		c.warn("push", "see that Zync's SYSTEM_PROVIDER_PORT names the gateway; until a request comes, tokens are pushed",
			"live tokens in place of placeholders: %s", why.Words())
	}
}
