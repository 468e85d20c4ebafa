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

make bench writes this page. It starts servers of its own, and compares two programs in
one run, because single times on a shared machine mean little. The bare client pushes the
same requests to the same stand-in for Zync, as many at a time, and does nothing else.
MariaDB, Redis and the stand-in share the machine's cores with the measured program.

`

// plots come after the figures; they are files beside the page.
const plots = `
![Rate and peak memory against the number of tenants](performance-size.svg)

![Rate and latency against pushes at a time](performance-concurrency.svg)
`

// remarks explain the limits.
const remarks = `
## Where the limits come from

**32 at a time and no service time.** A real Zync takes fewer pushes at a time. On two cores
all processes compete for processor time. Let a push cost the bare client 1. It then costs the
stand-in 1, and a rotation 1.1 to 1.35, depending on the machine. MariaDB takes 0.4 to 0.5 for
the tenant's owner and the token's row.

- So a rotation can reach at most 2 / (1.1 + 1 + 0.4) = 0.80 of the bare client's rate, and
  0.70 on a slower machine. With the bare client's own cost it would be 0.83.
- A run needs a quarter of a second from its first request to full speed, because each
  batch is twice as large as the last one. That explains the rest of the difference.
- With more cores, or with a real Zync's service time, the row with a service time applies.
- These helped: minting the next batch while one is pushed (7 %), small buffers for a
  connection's one short message, and no keep-alive (10 % of the processor time).
- These did not help: larger batches, more memory for the collector, one time limit for a
  push instead of two, another query for owners.

**Statements per 1,000 tenants.** A run begins with about a dozen statements: the
connection's settings, the lock, the count. It reaches full speed after about ten batches.
From then on, a thousand tenants cost half a page, half a query for owners, and one insert
with a look at MySQL's clock behind it. The look notices a clock that steps before a token
leaves the process. So the figure falls with the size of the installation, and misses the
target at 10,000 tenants. A real Zync takes 200 pushes a second. Then a thousand tenants cost
seven inserts, because only one second's tokens may be minted ahead.

**Redis commands per 1,000 tenants.** A run has some thirty besides those for its tenants:
leases, the fingerprint of Porta's database, its progress each second, the gateways. A run of
10,000 tenants is short, so they count, and it misses the target.

**A run where everyone is served** costs one statement and one HMGET for each thousand
tenants. Most of the work of a listing is the query for owners. It is made only for tenants
that are due.

**The janitor.** A DELETE only marks rows. InnoDB removes them from the indexes later, in
threads of its own, after the transaction has ended.

- After one DELETE of all rows, the removal begins when the measurement has ended. After each
  of the janitor's steps it begins at once, on the core that the next step needs.
- If a reader with an old snapshot delays the removal in both cases, steps of a thousand rows
  take 1.0 to 1.1 times as long as the one DELETE. If the removal is measured in both cases,
  both take about as long.
- Larger steps do not change this, and make other clients wait.

**The slowest INSERT** is the slowest of about ten thousand. A step of the janitor makes other
clients wait for about 13 ms at most, the length of the step. The redo log has 1 GiB. With
the default of 96 MiB, InnoDB stops and flushes in the middle of a million deletions. Then the
slowest INSERT took 60 to 80 ms, both beside the janitor and beside the one DELETE.

**The binary.** The libraries for the command line and the templates find methods by name, so
the linker keeps every exported method of every library. A dozen types of the Redis client
have each of its hundreds of commands. The client is built without inlining. That saves 2 MiB
and has no measurable cost. The gateway and what else came since the target was set add more
than the 0.3 MiB that were left.

**The gateway** is measured in a daemon. It is compared with Go's own httputil.ReverseProxy,
which runs in another process before the same Porta. Each request has a connection of its
own, like Zync's. The gateway reads each answer whole and judges it before Zync gets the first
byte. The memory is that of the whole process, with its garbage.

**Peak memory** is the process's own maximum. A run holds one page of tenants and about one
second of tokens, whatever the number of tenants.
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
