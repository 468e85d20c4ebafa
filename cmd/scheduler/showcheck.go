package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/check"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
)

// showCheck is --check. problem is what is wrong with the configuration.
func showCheck(ctx context.Context, cfg config.Config, problem error, stdout io.Writer) int {
	printer := printFindings(stdout)
	if cfg.ByHand.ReportJSON {
		printer = func(check.Finding) {}
	}
	findings := check.Run(ctx, cfg, problem, printer)
	if cfg.ByHand.ReportJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(map[string][]check.Finding{"checks": findings})
	}
	for _, f := range findings {
		if f.Result == check.Failure {
			return exitFailed
		}
	}
	return exitDone
}

// printFindings prints findings as they come, in colours on a terminal.
func printFindings(w io.Writer) func(check.Finding) {
	colours := map[check.Result]string{}
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		colours = map[check.Result]string{check.OK: "\x1b[32m", check.Warning: "\x1b[33m", check.Failure: "\x1b[31m"}
	}
	return func(f check.Finding) {
		end := ""
		if colours[f.Result] != "" {
			end = "\x1b[0m"
		}
		_, _ = fmt.Fprintf(w, "%s%-8s%s %-31s %s\n", colours[f.Result], f.Result, end, f.Check, f.Found)
		if f.Advice != "" {
			_, _ = fmt.Fprintf(w, "%-8s %-31s -> %s\n", "", "", f.Advice)
		}
	}
}
