// Command bench measures what the scheduler costs, on private servers: against a
// bare client that pushes the same bodies, against one DELETE, against itself
// without buyers. It compares two things in one run and prints ratios; the times
// of a shared machine mean little by themselves.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	bare := flag.Bool("bare", false, "be the bare client; for the benchmark's own use")
	o := options{}
	flag.StringVar(&o.binary, "bin", "bin/scheduler", "the scheduler's binary")
	flag.IntVar(&o.tenants, "tenants", 3000, "tenants for the comparisons of rates")
	flag.IntVar(&o.large, "large", 10_000, "tenants for a large installation; a tenth of them for a small one")
	flag.IntVar(&o.buyers, "buyers", 100_000, "buyers among the tenants")
	flag.IntVar(&o.stale, "stale", 50_000, "stale tokens for the janitor")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each comparison, of which the median counts")
	flag.StringVar(&o.json, "json", "", "file for the results as JSON")
	flag.StringVar(&o.page, "page", "", "file for the results as Markdown")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *bare {
		err = bareClient(ctx, os.Stdin)
	} else {
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, json, page                    string
	tenants, large, buyers, stale, rounds int
}

// result is a line of the table.
type result struct {
	What   string  `json:"what"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target string  `json:"target"`
	Met    bool    `json:"met"`
}

// bench gathers results on servers of its own.
type bench struct {
	options
	*world
	results []result
}

func (b *bench) add(what string, value float64, unit, target string, met bool) {
	b.results = append(b.results, result{what, value, unit, target, met})
	mark := "met"
	if !met {
		mark = "MISSED"
	}
	fmt.Printf("%-66s %10.2f %-8s %-12s %s\n", what, value, unit, target, mark)
}

func (b *bench) atLeast(what string, value float64, unit string, target float64) {
	b.add(what, value, unit, fmt.Sprintf(">= %g", target), value >= target)
}

func (b *bench) atMost(what string, value float64, unit string, target float64) {
	b.add(what, value, unit, fmt.Sprintf("<= %g", target), value <= target)
}

func run(ctx context.Context, o options) error {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	b := &bench{options: o, world: w}
	for _, part := range []func(context.Context) error{b.rates, b.sizes, b.listing, b.janitor, b.idle} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	if o.json != "" {
		content, err := json.MarshalIndent(b.results, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(content, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.page != "" {
		return b.writePage(ctx)
	}
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
