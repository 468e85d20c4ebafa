package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
)

// result of a test of --check.
type result string

const (
	fine    result = "ok"
	warning result = "warning"
	failure result = "failure"
)

// finding is a line of --check.
type finding struct {
	Check  string `json:"check"`
	Result result `json:"result"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

// check tests one thing after the other and prints what it finds.
type check struct {
	cfg      config.Config
	findings []finding
	print    func(finding)
}

// checkTimeout bounds all tests together.
const checkTimeout = 2 * time.Minute

// runCheck is --check. problem is what is wrong with the configuration.
func runCheck(ctx context.Context, cfg config.Config, problem error, stdout io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	c := &check{cfg: cfg, print: func(finding) {}}
	if !cfg.ByHand.ReportJSON {
		c.print = printer(stdout)
	}
	if c.configuration(problem) {
		c.mysql(ctx)
		c.redis(ctx)
		c.zync(ctx)
		c.firings(time.Now().UTC())
	}
	if cfg.ByHand.ReportJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(map[string][]finding{"checks": c.findings})
	}
	for _, f := range c.findings {
		if f.Result == failure {
			return exitFailed
		}
	}
	return exitDone
}

func (c *check) add(f finding) {
	c.findings = append(c.findings, f)
	c.print(f)
}

func (c *check) ok(name, format string, args ...any) {
	c.add(finding{Check: name, Result: fine, Found: fmt.Sprintf(format, args...)})
}

func (c *check) warn(name, advice, format string, args ...any) {
	c.add(finding{Check: name, Result: warning, Found: fmt.Sprintf(format, args...), Advice: advice})
}

func (c *check) fail(name, advice, format string, args ...any) {
	c.add(finding{Check: name, Result: failure, Found: fmt.Sprintf(format, args...), Advice: advice})
}

// configuration tells whether anything else can be tested.
func (c *check) configuration(err error) bool {
	if usage, bad := errors.AsType[config.Problems](err); bad {
		for _, problem := range usage {
			c.fail("configuration", "set it right; --help lists the flags and their variables", "%s", problem)
		}
		return false
	}
	c.ok("configuration", "every flag and variable can be used")
	return true
}

func (c *check) firings(now time.Time) {
	const layout = "2006-01-02 15:04 MST"
	c.ok("schedule", "rotate next at %s, then each %s at most; janitor next at %s; tokens live for %s",
		c.cfg.Schedule.Rotate.Next(now).In(c.cfg.Schedule.Timezone).Format(layout), c.cfg.Schedule.Rotate.LongestWindow(now),
		c.cfg.Schedule.Janitor.Next(now).In(c.cfg.Schedule.Timezone).Format(layout), c.cfg.Schedule.TokenTTL)
}

// printer prints findings as they come, in colours on a terminal.
func printer(w io.Writer) func(finding) {
	colours := map[result]string{}
	if isTerminal(w) && os.Getenv("NO_COLOR") == "" {
		colours = map[result]string{fine: "\x1b[32m", warning: "\x1b[33m", failure: "\x1b[31m"}
	}
	return func(f finding) {
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
