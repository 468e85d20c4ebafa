package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/check"
	"github.com/token-scheduler/token-scheduler/secret"
)

// showCheck is --check.
func showCheck(ctx context.Context, o check.Options, scrub *secret.Scrubber, stdout io.Writer) int {
	var unprinted error
	printed := func(check.Finding) {}
	if !o.Config.ByHand.ReportJSON {
		printed = printFindings(stdout, func(err error) { unprinted = errors.Join(unprinted, err) })
	}
	findings := []check.Finding{}
	o.Found = func(f check.Finding) {
		f.Found, f.Advice = scrub.Clean(f.Found), scrub.Clean(f.Advice)
		findings = append(findings, f)
		printed(f)
	}
	check.Run(ctx, o)
	if o.Config.ByHand.ReportJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		unprinted = encoder.Encode(map[string][]check.Finding{"checks": findings})
	}
	failed := slices.ContainsFunc(findings, func(f check.Finding) bool { return f.Result == check.Failure })
	switch {
	case o.Problem != nil:
		return exitUsage
	case failed || unprinted != nil: // a full disk, or a reader that is gone
		return exitFailed
	}
	return exitDone
}

// printFindings prints findings as they come, in colours on a terminal.
func printFindings(w io.Writer, failed func(error)) func(check.Finding) {
	colours := map[check.Result]string{}
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		colours = map[check.Result]string{check.OK: "\x1b[32m", check.Warning: "\x1b[33m", check.Failure: "\x1b[31m"}
	}
	return func(f check.Finding) {
		end := ""
		if colours[f.Result] != "" {
			end = "\x1b[0m"
		}
		line := fmt.Sprintf("%s%-8s%s %-31s %s\n", colours[f.Result], f.Result, end, f.Check, f.Found)
		if f.Advice != "" {
			line += fmt.Sprintf("%-8s %-31s -> %s\n", "", "", f.Advice)
		}
		if _, err := io.WriteString(w, line); err != nil {
			failed(err)
		}
	}
}
