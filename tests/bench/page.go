package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// preface is what the page says before its figures.
const preface = `# Performance

Written by make bench, which anyone can run: it starts servers of its own and
compares two things in one run, for the times of a shared machine mean little by
themselves. The bare client pushes the same bodies to the same stand-in for Zync,
at the same number of pushes at a time, and does nothing else; MariaDB, Redis and
the stand-in share the machine's cores with whichever is measured.

`

// plots are drawn beside the page.
const plots = `
![Rate and peak memory against the number of tenants](performance-size.svg)

![Rate and latency against pushes at a time](performance-concurrency.svg)
`

// remarks say what the limits are made of.
const remarks = `
## What the limits are made of

- **32 at a time and no service time** is more than one Zync takes, and on two
  cores a contest. Of the processor time that the bare client takes for a push the
  stand-in takes as much again, a rotation 1.1 to 1.35 times as much, depending on
  the machine, and MariaDB 0.4 to 0.5 times for the tenant's owner and the token's
  row. So where the processor is the limit the most that a rotation can reach is
  2 / (1.1 + 1 + 0.4) = 0.80 of the bare client, and 0.70 where the day is worse;
  with a bare client's own cost it would be 0.83. From a run's first look at Porta
  to full speed, by batches of twice the size of the last, it takes a quarter of a
  second, which is what is missing from there. With more cores, or with a Zync that
  takes any time at all, the other row holds.
  What helped: a batch in hand while the next is minted (a fourteenth), small
  buffers for the one short message that a connection carries, and no keep-alive on
  it (a tenth of the processor time). What did not: larger batches, more memory for
  the collector, one time limit a push in place of two, another query for owners.
- **Statements per 1,000 tenants**: a run costs about a dozen to begin (its
  connection's settings, the lock, the count) and some ten batches to come up to
  speed; from there on half a page, half a look at the owners and one insert a
  thousand. So the figure falls with the size of the installation; at
  the 200 pushes a second of a real Zync, of which no more than a second's may be
  in hand, it is the inserts that count, seven a thousand.
- **A run where everyone is served** is one statement and one HMGET a thousand
  tenants. Owners, which are most of the work of listing, are looked up for those
  alone who are due.
- **The janitor**: a DELETE only marks rows; InnoDB takes them out of the indexes
  afterwards, in threads of its own, and can begin with it when the transaction
  has ended. Behind one DELETE of them all it begins when the DELETE, and with it
  the measurement, is over; behind each of the janitor's steps it begins at once,
  on the core that the next step needs. With that work held back in both, by a
  reader with an old snapshot, steps of a thousand take 1.0 to 1.1 times the one
  DELETE; with it counted in both, both take about as long. Larger steps change
  neither, and keep others waiting.
- **The slowest INSERT** is the worst of some ten thousand. A step of the janitor's
  keeps nobody waiting for longer than itself, some 13 ms. It is measured with a
  redo log of 1 GiB: with the default of 96 MiB InnoDB stops and flushes in the
  middle of a million deletions, and the slowest INSERT took 60 to 80 ms, beside the
  janitor as beside the one DELETE.
- **The binary**: its command line and its templates find methods by name, so the
  linker keeps every exported method of every library, and each of the Redis
  client's hundreds of commands stands in a dozen types. It is built without inlining
  there, which takes 2 MiB off and costs nothing that could be measured.

Peak memory is the process's own high-water mark. It holds a page of tenants and
about a second of tokens, whatever the number of tenants.
`

// writePage writes the table with what it was measured on.
func (b *bench) writePage(ctx context.Context) error {
	var mysql string
	if err := b.porta.DB.GetContext(ctx, &mysql, "SELECT VERSION()"); err != nil {
		return err
	}
	var p strings.Builder
	redis, err := b.redisInfo(ctx, "server", "redis_version")
	if err != nil {
		return err
	}
	p.WriteString(preface)
	fmt.Fprintf(&p, "Measured on %s: %d cores (%s), %s/%s, %s, MySQL %s, Redis %s.\n%d tenants for the rates where none are named, %d buyers, %d stale tokens; medians of %d.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), processor(), runtime.GOOS, runtime.GOARCH, runtime.Version(),
		mysql, redis, b.tenants, b.buyers, b.stale, b.rounds)
	p.WriteString("| what | measured | target | |\n| --- | ---: | ---: | --- |\n")
	for _, r := range b.results {
		met := "met"
		if !r.Met {
			met = "**missed**"
		}
		fmt.Fprintf(&p, "| %s | %.2f %s | %s | %s |\n", r.What, r.Value, r.Unit, r.Target, met)
	}
	p.WriteString(plots)
	p.WriteString(remarks)
	return os.WriteFile(b.page, []byte(p.String()), 0o644)
}

// processor is what the system calls this machine's.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // another system has none
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "of a kind that is not known"
}
