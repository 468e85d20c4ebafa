package check

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/zync"
)

func (c *check) zync(ctx context.Context) {
	transport, err := c.cfg.ZyncTransport(nil)
	if err != nil {
		c.fail("zync", "see --zync-ca-file", "%v", err)
		return
	}
	client, err := zync.NewClient(zync.Options{
		URL: c.cfg.Zync.Endpoint, Token: c.zyncToken, Now: time.Now, Transport: transport,
	})
	if err != nil {
		c.fail("zync", "see --zync-endpoint", "%v", err)
		return
	}
	began := time.Now()
	if err := client.Alive(ctx); err != nil {
		c.fail("zync", "check that Zync is up, and that --zync-endpoint names it", "%v", err)
		return
	}
	c.ok("zync", "is up, answers in %s%s", since(began), c.through(c.cfg.Zync.Endpoint))
	if c.cfg.Zync.Token.Empty() {
		c.warn("zync credential", "set ZYNC_AUTHENTICATION_TOKEN to Porta's value", "none is sent")
	} else {
		c.ok("zync credential", "one is sent; only a push can show whether Zync takes it")
	}
}

// through names the proxy to an endpoint, if there is one.
func (c *check) through(endpoint string) string {
	if proxy := c.cfg.ProxyFor(endpoint); proxy != "" {
		return ", through proxy " + proxy
	}
	return ""
}
