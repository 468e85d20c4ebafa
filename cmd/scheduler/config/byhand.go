package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/token-scheduler/token-scheduler/tasks"
)

func (f Flags) checkByHand(p *Problems, cfg *Config) {
	h := &cfg.ByHand
	*h = ByHand{RunOnce: f.RunOnce, Force: f.Force, Revoke: f.Revoke, DryRun: f.DryRun, ReportJSON: f.Report == "json", Quiet: f.Quiet}
	h.Tasks = f.tasks(p)
	h.Tenants = f.tenants(p)
	rotates := slices.Contains(h.Tasks, tasks.Rotate)
	for _, flag := range []struct {
		name          string
		given, rotate bool // rotate: it means nothing without that task
	}{
		{"--task", len(f.Task) > 0, false},
		{"--tenant", len(f.Tenant) > 0 && !f.Status, true},
		{"--force", f.Force, true},
		{"--revoke", f.Revoke, true},
		{"--dry-run", f.DryRun, false}, {"--quiet", f.Quiet, false},
	} {
		switch {
		case flag.given && !f.RunOnce && flag.name == "--tenant":
			p.add(flag.name, errors.New("only with --run-once or --status"))
		case flag.given && !f.RunOnce:
			p.add(flag.name, errors.New("only with --run-once"))
		case flag.given && flag.rotate && !rotates:
			p.add(flag.name, errors.New("only with the task rotate"))
		}
	}
	f.checkModes(p)
	f.checkLook(p, cfg)
	h.Wait = p.duration("--wait", f.Wait, 0)
	p.oneOf("--report", f.Report, "text", "json")
}

func (f Flags) checkLook(p *Problems, cfg *Config) {
	cfg.Look.History = f.History
	switch ids := cfg.ByHand.Tenants; {
	case f.History && !f.Status:
		p.add("--history", errors.New("only with --status"))
	case f.History && len(ids) > 0:
		p.add("--tenant, --history", errors.New("exclude each other: give one of them"))
	case f.Status && len(ids) > 1:
		p.add("--tenant", errors.New("only one with --status"))
	case f.Status && len(ids) == 1:
		cfg.Look.Tenant = ids[0]
	}
}

// checkModes refuses flags that exclude each other.
func (f Flags) checkModes(p *Problems) {
	var given []string
	for _, mode := range []struct {
		name  string
		given bool
	}{{"--run-once", f.RunOnce}, {"--check", f.Check}, {"--status", f.Status}, {"--healthcheck", f.Healthcheck}, {"--take-over", f.TakeOver}} {
		if mode.given {
			given = append(given, mode.name)
		}
	}
	if len(given) > 1 {
		p.add(strings.Join(given, ", "), errors.New("exclude each other: give one of them"))
	}
}

// tasks returns the tasks that were named, or all, in the order in which they run.
func (f Flags) tasks(p *Problems) []string {
	all := []string{tasks.Rotate, tasks.Janitor}
	for _, task := range f.Task {
		p.oneOf("--task", task, all...)
	}
	if len(f.Task) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(task string) bool { return !slices.Contains(f.Task, task) })
}

func (f Flags) tenants(p *Problems) (ids []int64) {
	for _, text := range f.Tenant {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			p.add("--tenant", fmt.Errorf("%q is not an account id", text))
		} else if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
