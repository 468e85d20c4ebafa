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
	return os.WriteFile(b.page, []byte(p.String()), 0o644)
}
