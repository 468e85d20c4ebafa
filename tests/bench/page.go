package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// preface comes before the figures.
const preface = `# Performance

make bench writes this page, and anyone can run it. It starts servers of its own and
compares two things in one run, because times on a shared machine mean little by
themselves. The bare client pushes the same requests to the same stand-in for Zync, as
many at a time, and does nothing else. MariaDB, Redis and the stand-in share the machine's
cores with whichever is measured.

`

// plots come after the figures; they are files beside the page.
const plots = `
![Rate and peak memory against the number of tenants](performance-size.svg)

![Rate and latency against pushes at a time](performance-concurrency.svg)
`

// remarks explain the limits.
const remarks = `
## What the limits are made of

**32 at a time and no service time.** This is more than one Zync takes, and on two cores
all processes compete. The bare client's processor time for a push is 1. Then the stand-in
takes 1, a rotation takes 1.1 to 1.35 depending on the machine, and MariaDB takes 0.4 to
0.5 for the tenant's owner and the token's row.

- So a rotation can reach 2 / (1.1 + 1 + 0.4) = 0.80 of the bare client at most, and 0.70
  on a slow day. With the bare client's own cost it would be 0.83.
- A run needs a quarter of a second from its first request to full speed, because each
  batch is twice as large as the last one. The rest of the difference comes from there.
- With more cores, or with a Zync that takes any time at all, the row with a service time
  applies.
- These helped: one batch to push while the next is minted (7 %), small buffers for the one
  short message of a connection, and no keep-alive (10 % of the processor time).
- These did not help: larger batches, more memory for the collector, one time limit for a
  push instead of two, another query for owners.

**Statements per 1,000 tenants.** A run needs about a dozen statements to begin: the
connection's settings, the lock, the count. It needs about ten batches to reach full speed.
Then each thousand tenants cost half a page, half a look at the owners and one insert. So
the figure falls with the size of the installation. At the 200 pushes a second of a real
Zync the inserts dominate, seven for a thousand tenants, because only one second's tokens
may be minted ahead.

**A run where everyone is served** costs one statement and one HMGET for each thousand
tenants. Owners are most of the work of listing. They are read only for tenants that are
due.

**The janitor.** A DELETE only marks rows. InnoDB removes them from the indexes later, in
threads of its own, after the transaction has ended.

- After one DELETE of all rows, that work begins when the measurement is over. After each of
  the janitor's steps it begins at once, on the core that the next step needs.
- If a reader with an old snapshot holds that work back in both cases, steps of a thousand
  take 1.0 to 1.1 times as long as the one DELETE. If it is counted in both cases, both take
  about as long.
- Larger steps change neither, and make others wait.

**The slowest INSERT** is the worst of about ten thousand. A step of the janitor makes nobody
wait for longer than itself, about 13 ms. It is measured with a redo log of 1 GiB. With the
default of 96 MiB, InnoDB stops and flushes in the middle of a million deletions. Then the
slowest INSERT took 60 to 80 ms, beside the janitor and beside the one DELETE alike.

**The binary.** The command line and the templates find methods by name, so the linker keeps
every exported method of every library. Each of the Redis client's hundreds of commands is in
a dozen types. The client is built without inlining, which saves 2 MiB and costs nothing that
could be measured.

**The gateway** is a daemon's, and its rival is Go's own httputil.ReverseProxy in another
process, before the same Porta. Each request has a connection of its own, as Zync's have.
The gateway reads each answer whole and judges it before Zync gets the first byte. The
memory is the process's, with the garbage that it may leave.

Peak memory is the process's own maximum. It holds one page of tenants and about one second
of tokens, whatever the number of tenants.
`

// writePage writes the table, and the machine and servers that it was measured on.
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
	fmt.Fprintf(&p, "Measured on %s: %d cores (%s), %s/%s, %s, MySQL %s, Redis %s.\n%d tenants for the rates if the row names none, %d buyers, %d stale tokens; medians of %d.\n\n",
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

// processor returns the name of the processor.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // only Linux has it
	for line := range strings.Lines(string(info)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
