package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// owned returns the id of the nth tenant with an owner. Each 37th tenant has none.
func owned(n int) int64 { return int64(n/36*37 + n%36 + 1) }

// gatewayTenants is how many tenants there are, with those that have no owner.
const gatewayTenants = 11_000

// sameTenant asks for one tenant, whose token the gateway has.
func sameTenant(int) int64 { return 2 }

// gateway measures the gateway of a leader without other work.
func (b *bench) gateway(ctx context.Context) error {
	z, err := b.installation(ctx, gatewayTenants)
	if err != nil {
		return err
	}
	defer z.Close()
	if _, err := b.once(ctx, b.binary, z, "--task=rotate"); err != nil {
		return err
	}
	r, err := b.startRivals(ctx, z)
	if err != nil {
		return err
	}
	defer r.stop()
	for _, part := range []func(context.Context, *rivals) error{b.gatewayRate, b.gatewayLatency, b.gatewayHits, b.gatewayMemory, b.gatewayMints} {
		if err := part(ctx, r); err != nil {
			return err
		}
	}
	return b.gatewayRestarts(ctx, z, "http://"+r.porta)
}

// gatewayRate compares requests a second with those of Go's own proxy, in turns.
func (b *bench) gatewayRate(_ context.Context, r *rivals) error {
	const batch, atATime, rounds = 400, 8, 15
	var ours, theirs []float64
	for range rounds {
		for _, rival := range []struct {
			address string
			took    *[]float64
		}{{r.gateway, &ours}, {r.proxy, &theirs}} {
			began := time.Now()
			if _, lost := fetchMany(rival.address, batch, atATime, sameTenant); lost > 0 {
				return fmt.Errorf("%d requests to %s failed", lost, rival.address)
			}
			*rival.took = append(*rival.took, time.Since(began).Seconds())
		}
	}
	b.atLeast(fmt.Sprintf("requests/s through the gateway against Go's own ReverseProxy, %d at a time", atATime),
		median(theirs)/median(ours), "ratio", 0.90)
	return nil
}

// gatewayLatency compares Zync's waiting time behind the gateway with that before Porta.
func (b *bench) gatewayLatency(_ context.Context, r *rivals) error {
	const batch, atATime, rounds = 300, 3, 5
	r.takes.Store(int64(5 * time.Millisecond))
	defer r.takes.Store(0)
	var medians, slow []float64
	for range rounds {
		ours, lost := fetchMany(r.gateway, batch, atATime, sameTenant)
		direct, _ := fetchMany(r.porta, batch, atATime, sameTenant)
		if lost > 0 {
			return fmt.Errorf("%d requests failed", lost)
		}
		added := func(percent int) float64 {
			return (ours[batch*percent/100] - direct[batch*percent/100]).Seconds() * 1000
		}
		medians, slow = append(medians, added(50)), append(slow, added(99))
	}
	b.atMost("latency that the gateway adds, 3 at a time, Porta takes 5ms, median", median(medians), "ms", 0.5)
	b.atMost("the same, 99th percentile", median(slow), "ms", 2)
	return nil
}

// gatewayHits counts the statements and commands of requests. They include the daemon's own
// and those of this count.
func (b *bench) gatewayHits(ctx context.Context, r *rivals) error {
	const hits = 5000
	statements, commands, err := b.asked(ctx)
	if err != nil {
		return err
	}
	if _, lost := fetchMany(r.gateway, hits, 8, sameTenant); lost > 0 {
		return fmt.Errorf("%d requests failed", lost)
	}
	statementsNow, commandsNow, err := b.asked(ctx)
	b.atMost("SQL statements a request with a token in hand, a daemon's own among them", (statementsNow-statements)/hits, "", 0.01)
	b.atMost("Redis commands, the same", (commandsNow-commands)/hits, "", 0.01)
	return err
}

// inMemory is how many tenants have a token in the gateway's memory.
const inMemory = 10_000

// gatewayMemory lets the gateway mint for many tenants.
func (b *bench) gatewayMemory(_ context.Context, r *rivals) error {
	before, _, err := memory(r.daemon.Process.Pid)
	if err != nil {
		return err
	}
	if _, lost := fetchMany(r.gateway, inMemory, 8, func(i int) int64 { return owned(i + 1) }); lost > 0 {
		return fmt.Errorf("%d requests failed", lost)
	}
	after, _, err := memory(r.daemon.Process.Pid)
	b.atMost(fmt.Sprintf("resident memory for the tokens of %d tenants", inMemory), after-before, "MiB", 8)
	return err
}

// gatewayMints counts the tokens of many first requests.
func (b *bench) gatewayMints(ctx context.Context, r *rivals) error {
	const requests, atATime = 1000, 250
	for _, tenants := range []int{1, 100} {
		before, err := b.tokens(ctx)
		if err != nil {
			return err
		}
		_, lost := fetchMany(r.gateway, requests, atATime, func(i int) int64 { return owned(inMemory + tenants + i%tenants) })
		after, err := b.tokens(ctx)
		if err != nil {
			return err
		}
		if lost > 0 {
			return fmt.Errorf("%d requests failed", lost)
		}
		b.atMost(fmt.Sprintf("tokens minted by %d first requests of %d tenants, %d at a time", requests, tenants, atATime),
			float64(after-before), "", float64(tenants))
	}
	return nil
}

func (b *bench) tokens(ctx context.Context) (n int, err error) {
	err = b.porta.DB.GetContext(ctx, &n, "SELECT COUNT(*) FROM access_tokens")
	return n, err
}

// gatewayRestarts restarts two daemons behind a balancer, one after the other, while Zync
// asks.
func (b *bench) gatewayRestarts(ctx context.Context, z *zync.Zync, porta string) error {
	addresses, err := freeAddresses(2)
	if err != nil {
		return err
	}
	front, err := servers.StartBalancer(addresses...)
	if err != nil {
		return err
	}
	defer front.Close()
	daemons := make([]*exec.Cmd, len(addresses))
	start := func(i int) error {
		daemons[i] = b.gatewayDaemon(ctx, z, addresses[i], porta)
		if err := daemons[i].Start(); err != nil {
			return err
		}
		return serves(addresses[i])
	}
	for i := range daemons {
		if err := start(i); err != nil {
			return err
		}
		defer func() { _ = terminate(daemons[i]) }()
	}
	restarted := make(chan error, 1)
	go func() {
		var err error
		for i := range daemons {
			err = errors.Join(err, terminate(daemons[i]), start(i))
		}
		restarted <- err
	}()
	asked, lost := 0, 0
	for done := false; !done; asked += 200 {
		select {
		case err = <-restarted:
			done = true
		default:
		}
		_, failed := fetchMany(front.Addr, 200, 4, sameTenant)
		lost += failed
	}
	b.atMost(fmt.Sprintf("of %d requests lost in a rolling restart of two daemons behind a balancer", asked), float64(lost), "", 0)
	return err
}
