// Command bench measures what the scheduler costs, on private servers: against a bare
// client that pushes the same requests, against one DELETE, and against itself without
// buyers. It compares two things in one run and prints ratios, because times on a
// shared machine mean little by themselves.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	bare := flag.Bool("bare", false, "run as the bare client; the benchmark uses it")
	proxy := flag.String("proxy", "", "run Go's own proxy on this address; the benchmark uses it")
	upstream := flag.String("upstream", "", "the server behind the proxy")
	only := flag.String("only", "", "gateway: measure only the gateway")
	o := options{}
	flag.StringVar(&o.binary, "bin", "bin/scheduler", "the scheduler's binary")
	flag.IntVar(&o.tenants, "tenants", 3000, "tenants for the comparisons of rates; four times as many if a push takes no time")
	sizes := flag.String("sizes", "1000,10000", "sizes of the installations for memory and statements, in tenants")
	flag.IntVar(&o.buyers, "buyers", 100_000, "buyers among the tenants")
	flag.IntVar(&o.stale, "stale", 50_000, "stale tokens for the janitor")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each comparison; the median counts")
	flag.StringVar(&o.json, "json", "", "file for the results as JSON")
	flag.StringVar(&o.page, "page", "", "file for the results as Markdown; its plots go beside it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	o.installations, err = numbers(*sizes)
	switch {
	case err != nil:
	case *bare:
		err = bareClient(ctx, os.Stdin)
	case *proxy != "":
		err = reverseProxy(ctx, *proxy, *upstream)
	default:
		err = run(ctx, o, *only == "gateway")
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	binary, json, page             string
	tenants, buyers, stale, rounds int
	installations                  []int
}

func numbers(list string) (all []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// result is one line of the table.
type result struct {
	What   string  `json:"what"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target string  `json:"target"`
	Met    bool    `json:"met"`
}

// bench collects results on its own servers.
type bench struct {
	options
	*world
	results []result
	// For the plots: rate and memory by number of tenants, rate and latency by number
	// of pushes at a time.
	bySize, byWidth []point
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

func run(ctx context.Context, o options, gatewayOnly bool) error {
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	b := &bench{options: o, world: w}
	parts := []func(context.Context) error{b.rates, b.alone, b.widths, b.auto, b.sizes, b.listing, b.janitor, b.idle, b.gateway}
	if gatewayOnly {
		parts = parts[len(parts)-1:]
	}
	for _, part := range parts {
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
	if o.page == "" {
		return nil
	}
	if err := b.plot(filepath.Dir(o.page)); err != nil {
		return err
	}
	return b.writePage(ctx)
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
