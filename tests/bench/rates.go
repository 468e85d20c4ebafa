package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// rates compares a rotation with a bare client.
func (b *bench) rates(ctx context.Context) error {
	for _, c := range []struct {
		concurrency int
		takes       time.Duration
		tenants     int // so many that a run takes some seconds
		target      float64
	}{{3, 5 * time.Millisecond, b.tenants, 0.95}, {32, 0, 4 * b.tenants, 0.90}} {
		seeded, err := b.seed(ctx, c.tenants, 0)
		if err != nil {
			return err
		}
		rate, cpu, mysql, err := b.compare(ctx, seeded, c.concurrency, c.takes)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%d at %d with %s of service time", c.tenants, c.concurrency, c.takes)
		b.atLeast("tenants/s of a rotation against a bare client's, "+name, rate, "ratio", c.target)
		b.atMost("CPU per pushed tenant against the bare client's, "+name, cpu, "ratio", 1.3)
		fmt.Printf("%-66s %10.2f ratio\n", "  and MariaDB's CPU for it", mysql)
	}
	return nil
}

func (b *bench) compare(ctx context.Context, seeded *porta.Seeded, concurrency int, takes time.Duration) (rate, cpu, mysql float64, err error) {
	ids := slices.Collect(maps.Keys(seeded.Owners))
	var rates, cpus, servers []float64
	for range b.rounds {
		z, err := zyncFor(seeded, concurrency, takes)
		if err != nil {
			return 0, 0, 0, err
		}
		base, err := bare(ctx, job{z.URL, concurrency, ids})
		if err == nil {
			var ours spent
			before := processorTime(b.mariadb.Pid())
			ours, err = b.once(ctx, b.binary, z, "--task=rotate", "--force", fmt.Sprintf("--push-concurrency=%d", concurrency))
			rates = append(rates, base.task.Seconds()/ours.task.Seconds())
			cpus = append(cpus, ours.cpu.Seconds()/base.cpu.Seconds())
			servers = append(servers, (processorTime(b.mariadb.Pid())-before).Seconds()/base.cpu.Seconds())
		}
		z.Close()
		if err != nil {
			return 0, 0, 0, err
		}
	}
	return median(rates), median(cpus), median(servers), nil
}

// hung has one tenant in a hundred hang to the time-out, and looks at the others.
func (b *bench) hung(ctx context.Context) error {
	seeded, err := b.seed(ctx, b.tenants, 0)
	if err != nil {
		return err
	}
	var shares []float64
	for range b.rounds {
		without, err := b.othersServed(ctx, seeded, false)
		if err != nil {
			return err
		}
		with, err := b.othersServed(ctx, seeded, true)
		if err != nil {
			return err
		}
		shares = append(shares, without.Seconds()/with.Seconds())
	}
	b.atLeast("rate of the others with 1 % of tenants hanging, against without", median(shares), "ratio", 0.80)
	return nil
}

// othersServed is how long it takes until every tenant that does not hang is
// served.
func (b *bench) othersServed(ctx context.Context, seeded *porta.Seeded, hang bool) (time.Duration, error) {
	// The stand-in has a thread for each that hangs, so that it is our connections
	// that they keep, and not Zync's threads.
	z, err := zyncFor(seeded, 3+len(seeded.Owners)/50, 5*time.Millisecond)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var mu sync.Mutex
	var first, last time.Time
	hung := map[int64]bool{}
	z.SetFault(func(p zync.Push) zync.Fault {
		mu.Lock()
		defer mu.Unlock()
		if p.TenantID%100 == 50 {
			if hang && !hung[p.TenantID] {
				hung[p.TenantID] = true
				return zync.Fault{Hang: true}
			}
			return zync.Fault{}
		}
		if last = time.Now(); first.IsZero() {
			first = last
		}
		return zync.Fault{}
	})
	_, err = b.once(ctx, b.binary, z, "--task=rotate", "--force")
	return last.Sub(first), err
}
