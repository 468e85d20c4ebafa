package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// once runs the tasks that were asked for, one after the other, and prints what
// came of them.
func (a *app) once(stop *stopping, stdout io.Writer) int {
	var reports []tasks.Report
	for _, name := range a.cfg.tasks {
		if stop.draining() {
			break
		}
		var task tasks.Task = a.rotate
		schedule := a.cfg.rotate
		if name == tasks.Janitor {
			task, schedule = a.janitor, a.cfg.janitor
		}
		run := a.runner.Run
		if a.cfg.dryRun {
			run = a.runner.DryRun
		}
		report := run(stop.ctx, task, schedule.Window(a.now()), stop.drain)
		if report.Outcome == tasks.Busy {
			a.log.Warn("another run of the task is at work; nothing done (see --wait)", "task", name)
		}
		reports = append(reports, report)
	}
	if err := printReports(stdout, reports, a.cfg.reportJSON); err != nil {
		a.log.Error("report not printed", "err", err)
		return exitFailed
	}
	if len(reports) < len(a.cfg.tasks) {
		return exitFailed
	}
	return exitCode(reports)
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
		fmt.Fprintf(&b, "%s: %s in %s", report.Task, report.Outcome, report.Duration.Round(time.Millisecond))
		for _, count := range report.Result.Counts {
			fmt.Fprintf(&b, ", %s %d", strings.ReplaceAll(count.Name, "_", " "), count.N)
		}
		b.WriteByte('\n')
		if report.Err != nil {
			fmt.Fprintf(&b, "  %v\n", report.Err)
		}
		for _, failure := range report.Result.Failures {
			fmt.Fprintf(&b, "  tenant %d: %s\n", failure.TenantID, failure.Error)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
