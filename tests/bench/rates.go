package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os/exec"
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

// alone makes some tenants hang until the time-out, or fail, and measures the others.
func (b *bench) alone(ctx context.Context) error {
	seeded, err := b.seed(ctx, b.tenants, 0)
	if err != nil {
		return err
	}
	var hung, failed []float64
	for range b.rounds {
		without, err := b.othersServed(ctx, seeded, 0, zync.Fault{})
		if err != nil {
			return err
		}
		hanging, err := b.othersServed(ctx, seeded, 100, zync.Fault{Hang: true})
		if err != nil {
			return err
		}
		failing, err := b.othersServed(ctx, seeded, 20, zync.Fault{Status: http.StatusInternalServerError})
		if err != nil {
			return err
		}
		hung = append(hung, without.Seconds()/hanging.Seconds())
		failed = append(failed, without.Seconds()/failing.Seconds())
	}
	b.atLeast("rate of the others with 1 % of tenants hanging, against without", median(hung), "ratio", 0.80)
	b.atLeast("rate of the others with 5 % of tenants answering 500, against without", median(failed), "ratio", 0.90)
	return nil
}

// othersServed is how long it takes to serve all tenants except every step-th one, whose
// pushes get the fault. If step is zero, none gets it.
func (b *bench) othersServed(ctx context.Context, seeded *porta.Seeded, step int64, fault zync.Fault) (time.Duration, error) {
	// The stand-in has one thread for each tenant that hangs. So these occupy our
	// connections, and not Zync's threads.
	z, err := zyncFor(seeded, 3+len(seeded.Owners)/50, 5*time.Millisecond)
	if err != nil {
		return 0, err
	}
	defer z.Close()
	var mu sync.Mutex
	var first, last time.Time
	z.SetFault(func(p zync.Push) zync.Fault {
		mu.Lock()
		defer mu.Unlock()
		if step > 0 && p.TenantID%step == step/2 {
			return fault
		}
		if last = time.Now(); first.IsZero() {
			first = last
		}
		return zync.Fault{}
	})
	_, err = b.once(ctx, b.binary, z, "--task=rotate", "--force", "--retry-for=1s")
	if exit, failed := errors.AsType[*exec.ExitError](err); failed && step > 0 && exit.ExitCode() == 1 {
		err = nil // some were not served, as expected
	}
	return last.Sub(first), err
}
