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

// remarks say what the limits are made of.
const remarks = `
## What the limits are made of

- **32 at a time and no service time** is more than one Zync takes, and on two
  cores a contest: MariaDB's inserts and its log use the cores that the bare
  client has to itself. What is ours of the difference is the beginning of a run,
  which mints one token, then two, then four, and waits for each batch.
- **Statements per 1,000 tenants**: a run costs about a dozen to begin (its
  connection's settings, the lock, the count) and ten batches to come up to speed;
  from there on a page, its owners and two or three inserts a thousand. So the figure falls
  with the size of the installation.
- **A run where everyone is served** is one statement and one HMGET a thousand
  tenants. Owners, which are most of the work of listing, are looked up for those
  alone who are due.
- **The janitor** deletes a thousand tokens in the time that one DELETE takes for
  them, and pays for a statement, a commit and the reading of the next page
  besides. In return nobody waits for a lock for longer than a step.
- **The binary**: the command line's library finds methods by name, so the linker
  keeps every exported method of the Redis client.

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
	p.WriteString(preface)
	fmt.Fprintf(&p, "Measured on %s: %d cores, %s/%s, %s, MySQL %s. %d tenants for the rates, %d for the\nlarge installation, %d buyers, %d stale tokens; medians of %d.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), mysql,
		b.tenants, b.large, b.buyers, b.stale, b.rounds)
	p.WriteString("| what | measured | target | |\n| --- | ---: | ---: | --- |\n")
	for _, r := range b.results {
		met := "met"
		if !r.Met {
			met = "**missed**"
		}
		fmt.Fprintf(&p, "| %s | %.2f %s | %s | %s |\n", r.What, r.Value, r.Unit, r.Target, met)
	}
	p.WriteString(remarks)
	return os.WriteFile(b.page, []byte(p.String()), 0o644)
}
