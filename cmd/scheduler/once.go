package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// once runs the tasks that were asked for, one after the other, and prints their
// reports.
func (a *app) once(ctx context.Context, drain <-chan struct{}, screen *screen, stdout io.Writer) int {
	defer a.reporter.afterRuns(context.WithoutCancel(ctx))
	a.awaitPorta(ctx, drain)
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
		if report.Outcome == tasks.Busy && !a.cfg.ByHand.Quiet {
			a.log.Warn("another run of the task is at work; nothing done (see --wait)", "task", name, "err", report.Err)
		}
		reports = append(reports, report)
	}
	if code := exitCode(reports); a.cfg.ByHand.Quiet && code == exitDone && len(reports) == len(a.cfg.ByHand.Tasks) {
		return code
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

// awaitPorta waits until MySQL can say which Porta this is, as long as a rotation by hand
// retries. If MySQL does not answer in that time, the run fails with the reason.
func (a *app) awaitPorta(ctx context.Context, drain <-chan struct{}) {
	h := a.cfg.ByHand
	if a.parts.owns == nil || h.DryRun || !slices.Contains(h.Tasks, tasks.Rotate) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Zync.RetryFor)
	defer cancel()
	said := rate.Sometimes{Interval: time.Minute}
	for {
		err := a.parts.owns(ctx)
		if !errors.Is(err, tasks.ErrPortaUnknown) || db.Definite(err) {
			return
		}
		said.Do(func() { a.log.Warn("MySQL does not answer; trying again", "err", err) })
		select {
		case <-time.After(askOwnsEvery):
		case <-drain:
			return
		case <-ctx.Done():
			return
		}
	}
}

func draining(drain <-chan struct{}) bool {
	select {
	case <-drain:
		return true
	default:
		return false
	}
}

// exitCode is that of the worst report. A failure is worse than a busy task.
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
