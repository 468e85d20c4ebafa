package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// printReports prints reports as text or as JSON.
func printReports(w io.Writer, reports []tasks.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(map[string][]tasks.Report{"tasks": reports})
	}
	var b strings.Builder
	for _, report := range reports {
		if isTerminal(w) {
			writeTable(&b, report)
		} else {
			writeLine(&b, report)
		}
		if report.Err != nil {
			fmt.Fprintf(&b, "  %v\n", report.Err)
		}
		for _, failure := range report.Result.Failures {
			fmt.Fprintf(&b, "  tenant %d: %s\n", failure.TenantID, failure.Error)
		}
		for _, step := range nextSteps(report) {
			fmt.Fprintf(&b, "  next: %s\n", step)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeLine(w io.Writer, report tasks.Report) {
	_, _ = fmt.Fprintf(w, "%s: %s in %s%s", report.Task, report.Outcome, report.Duration.Round(time.Millisecond), dryRun(report))
	for _, count := range report.Result.Counts {
		_, _ = fmt.Fprintf(w, ", %s %d", strings.ReplaceAll(count.Name, "_", " "), count.N)
	}
	_, _ = fmt.Fprintln(w)
}

func writeTable(w io.Writer, report tasks.Report) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%s\t%s in %s%s\n", report.Task, report.Outcome, report.Duration.Round(time.Millisecond), dryRun(report))
	for _, count := range report.Result.Counts {
		_, _ = fmt.Fprintf(table, "  %s\t%d\n", strings.ReplaceAll(count.Name, "_", " "), count.N)
	}
	_ = table.Flush() // a strings.Builder takes everything
}

// dryRun says that a report is of a dry run.
func dryRun(report tasks.Report) string {
	if report.DryRun {
		return " (dry run: nothing was written; the numbers are what would be done)"
	}
	return ""
}

// nextSteps says what to do after a run that has not served everyone.
func nextSteps(report tasks.Report) (steps []string) {
	switch report.Outcome {
	case tasks.Busy:
		steps = append(steps, "scheduler --status shows which process runs it; --wait=10m waits until it has ended")
	case tasks.Partial, tasks.Failed:
		if report.Err != nil {
			steps = append(steps, "run scheduler --check to find the cause, correct it, and run this again; it serves the tenants that are left")
		}
		if failures := report.Result.Failures; len(failures) > 0 && report.Err == nil {
			steps = append(steps, fmt.Sprintf(
				"their previous tokens work until they expire; correct what the reasons name, then run: scheduler --run-once --task=rotate --tenant=%d", failures[0].TenantID))
		}
	default:
	}
	for _, count := range report.Result.Counts {
		if count.Name == "no_owner" && count.N > 0 {
			names := "; the log names them"
			if report.DryRun {
				names = "" // it logs nothing about tenants
			}
			steps = append(steps, fmt.Sprintf("tenants without an owner: %d; give each an admin in Porta%s", count.N, names))
		}
	}
	return steps
}
