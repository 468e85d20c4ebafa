package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
)

// idleGateway is how long a gateway may serve before it is strange that Zync asks
// nothing.
const idleGateway = time.Hour

// gateways lists the gateways that serve, and when each last carried a request.
func (c *check) gateways(known []ledger.Gateway, err error, now time.Time) {
	known = slices.DeleteFunc(slices.Clone(known), func(g ledger.Gateway) bool { return !g.Alive(now) })
	switch {
	case err != nil:
		c.failRedis("gateways", howToAllow, err)
	case len(known) == 0 && c.cfg.Listen.Gateway != "":
		c.ok("gateways", "none is running; a daemon with this configuration runs one on %s", c.cfg.Listen.Gateway)
	case len(known) == 0:
		c.ok("gateways", "none is running")
	case slices.ContainsFunc(known, func(g ledger.Gateway) bool { return g.Carries(now) || now.Sub(g.Since) < idleGateway }):
		c.ok("gateways", "%s", describe(known, now))
	default:
		c.warn("gateways", "let SYSTEM_PROVIDER_PORT of zync and zync-que name the gateway; see docs/gateway.md",
			"no request from Zync for a day: %s", describe(known, now))
	}
}

func describe(gateways []ledger.Gateway, now time.Time) string {
	var texts []string
	for _, g := range gateways {
		last := "no request from Zync yet"
		if !g.LastRequest.IsZero() {
			last = fmt.Sprintf("last request from Zync %s ago", now.Sub(g.LastRequest).Round(time.Second))
		}
		texts = append(texts, fmt.Sprintf("%s on %s, %s", secret.Printable(g.By), secret.Printable(g.Address), last))
	}
	return strings.Join(texts, "; ")
}
