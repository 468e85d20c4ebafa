package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// gateway shows what Zync gets with a placeholder in its hand, and what becomes of a 404
// that Porta did not give. Each time Zync asks Porta itself first, then the gateway.
func (d *demo) gateway(ctx context.Context) error {
	port, err := servers.FreePort()
	if err != nil {
		return err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	say("\n== The gateway: Zync asks it in place of Porta\n$ scheduler --gateway-listen=%s", address)
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.scheduler(ctx, "--gateway-listen="+address, "--listen=") }()
	shown := d.throughGateway(ctx, address)
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return shown
}

func (d *demo) throughGateway(ctx context.Context, address string) error {
	if err := d.ready(ctx, address); err != nil {
		return err
	}
	for _, step := range []struct {
		title            string
		fault            func(porta.Request) porta.Fault
		straight, behind int // the statuses
	}{
		{"Zync holds the text \"zync\" in place of a token", nil, 403, 200},
		{"A proxy before Porta answers 404 for everything", func(porta.Request) porta.Fault {
			return porta.Fault{Status: 404, Type: "text/html", Body: porta.NotFoundPage}
		}, 404, 503},
	} {
		d.api.SetFault(step.fault)
		say("\n%s:", step.title)
		straight, behind := d.ask(ctx, "Porta", strings.TrimPrefix(d.portaURL, "http://")), d.ask(ctx, "the gateway", address)
		if straight.Status != step.straight || behind.Status != step.behind || behind.Deleted {
			return errors.New("that is not what Zync should get")
		}
	}
	return nil
}

// ready waits until the gateway serves.
func (d *demo) ready(ctx context.Context, address string) error {
	for range 200 {
		if got := d.fetch(ctx, address); got.Status == 200 {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("the gateway does not serve")
}

// fetch asks as Zync does, with a placeholder in its hand.
func (*demo) fetch(ctx context.Context, address string) zync.Fetched {
	return (&zync.Fetcher{Addr: address, Token: credential}).Do(ctx, zync.Fetch{
		Host: "t8-admin.example.com", URI: "/admin/api/services/5/proxy.json", Token: "zync", ID: "demo",
	})
}

// ask makes one of Zync's requests, and prints the result.
func (d *demo) ask(ctx context.Context, whom, address string) zync.Fetched {
	got := d.fetch(ctx, address)
	verdict := "its job fails, and is tried again"
	switch {
	case got.Deleted:
		verdict = "ZYNC DELETES THE CLIENT at the identity provider"
	case got.Status == 200:
		verdict = "its job goes on"
	}
	say("  Zync asks %-12s %d %.60s\n    -> %s", whom+":", got.Status, got.Body, verdict)
	return got
}
