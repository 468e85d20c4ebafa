package check

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/zync"
)

func (c *check) zync(ctx context.Context) {
	client, err := zync.NewClient(zync.Options{
		URL: c.cfg.Zync.Endpoint, Token: c.zyncToken, Now: time.Now,
		Transport: zync.NewTransport(zync.TransportOptions{Connections: 1}),
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
	c.ok("zync", "is up, answers in %s", since(began))
	if c.cfg.Zync.Token.Empty() {
		c.warn("zync credential", "set ZYNC_AUTHENTICATION_TOKEN to Porta's value", "none is sent")
	} else {
		c.ok("zync credential", "one is sent; only a push can show whether Zync takes it")
	}
}
