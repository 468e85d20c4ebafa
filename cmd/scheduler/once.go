package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// once runs the tasks that were asked for, one after the other, and prints what
// came of them.
func (a *app) once(ctx context.Context, drain <-chan struct{}, screen *screen, stdout io.Writer) int {
	var reports []tasks.Report
	for _, name := range a.cfg.ByHand.Tasks {
		if draining(drain) {
			break
		}
		var task tasks.Task = a.rotate
		schedule := a.cfg.Schedule.Rotate
		if name == tasks.Janitor {
			task, schedule = a.janitor, a.cfg.Schedule.Janitor
		}
		run := a.runner.Run
		if a.cfg.ByHand.DryRun {
			run = a.runner.DryRun
		}
		progress, end := screen.follow(name)
		a.runner.Progress = progress
		report := run(ctx, task, schedule.Window(a.parts.now()), drain)
		end()
		if report.Outcome == tasks.Busy {
			a.log.Warn("another run of the task is at work; nothing done (see --wait)", "task", name)
		}
		reports = append(reports, report)
	}
	if err := printReports(stdout, reports, a.cfg.ByHand.ReportJSON); err != nil {
		a.log.Error("report not printed", "err", err)
		return exitFailed
	}
	if len(reports) < len(a.cfg.ByHand.Tasks) {
		return exitFailed
	}
	return exitCode(reports)
}

func draining(drain <-chan struct{}) bool {
	select {
	case <-drain:
		return true
	default:
		return false
	}
}

// exitCode is that of the worst report: a failure before a busy task.
func exitCode(reports []tasks.Report) int {
	code := exitDone
	for _, report := range reports {
		switch report.Outcome {
		case tasks.Success:
		case tasks.Busy:
			code = max(code, exitBusy)
		default:
			return exitFailed
		}
	}
	return code
}

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
	_, _ = fmt.Fprintf(w, "%s: %s in %s", report.Task, report.Outcome, report.Duration.Round(time.Millisecond))
	for _, count := range report.Result.Counts {
		_, _ = fmt.Fprintf(w, ", %s %d", strings.ReplaceAll(count.Name, "_", " "), count.N)
	}
	_, _ = fmt.Fprintln(w)
}

func writeTable(w io.Writer, report tasks.Report) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%s\t%s in %s\n", report.Task, report.Outcome, report.Duration.Round(time.Millisecond))
	for _, count := range report.Result.Counts {
		_, _ = fmt.Fprintf(table, "  %s\t%d\n", strings.ReplaceAll(count.Name, "_", " "), count.N)
	}
	_ = table.Flush() // a strings.Builder takes everything
}

// nextSteps says what to do after a run that did not do everything.
func nextSteps(report tasks.Report) (steps []string) {
	switch report.Outcome {
	case tasks.Busy:
		steps = append(steps, "scheduler --status tells who runs it; --wait=10m waits for its end")
	case tasks.Partial, tasks.Failed:
		if report.Err != nil {
			steps = append(steps, "scheduler --check tells what is wrong; run this again then, it takes up what is left")
		}
		if named := report.Result.Failures; len(named) > 0 && report.Err == nil {
			steps = append(steps, fmt.Sprintf(
				"their earlier tokens still work; mend what the reasons name, then: scheduler --run-once --task=rotate --tenant=%d", named[0].TenantID))
		}
	default:
	}
	for _, count := range report.Result.Counts {
		if count.Name == "no_owner" && count.N > 0 {
			steps = append(steps, fmt.Sprintf("give the %d tenants without an owner an admin in Porta; the log names them", count.N))
		}
	}
	return steps
}
