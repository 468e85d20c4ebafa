// Package check tests a configuration against its servers before a daemon relies on
// them: MySQL with its schema, grants and clock, Redis, Zync and Porta.
//
// [Run] returns one [Finding] for each test, and each that is not ok says what to do.
// It changes nothing: what it writes, it writes under names that no task uses, and
// takes it away again. Main calls it for --check and prints the findings.
package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// Result of a test.
type Result string

// The results. After a failure a daemon can't do its work; after a warning it can.
const (
	OK      Result = "ok"
	Warning Result = "warning"
	Failure Result = "failure"
)

// Finding is what one test found.
type Finding struct {
	Check  string `json:"check"`
	Result Result `json:"result"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"` // what to do
}

// timeout bounds all tests together.
const timeout = 2 * time.Minute

// Run tests cfg. problem is the error of its validation, or nil. Run tells found of
// each finding as it comes, and returns all of them.
func Run(ctx context.Context, cfg config.Config, problem error, found func(Finding)) []Finding {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &check{cfg: cfg, found: found}
	if c.configuration(problem) {
		c.mysql(ctx)
		c.redis(ctx)
		c.zync(ctx)
		c.schedule(time.Now().UTC())
	}
	return c.findings
}

// check collects findings.
type check struct {
	cfg      config.Config
	findings []Finding
	found    func(Finding)
	// fingerprint is that of Porta's database; empty where it can't be read.
	fingerprint string
}

func (c *check) add(f Finding) {
	c.findings = append(c.findings, f)
	c.found(f)
}

func (c *check) ok(name, format string, args ...any) {
	c.add(Finding{Check: name, Result: OK, Found: fmt.Sprintf(format, args...)})
}

func (c *check) warn(name, advice, format string, args ...any) {
	plainly(args)
	c.add(Finding{Check: name, Result: Warning, Found: fmt.Sprintf(format, args...), Advice: advice})
}

func (c *check) fail(name, advice, format string, args ...any) {
	plainly(args)
	c.add(Finding{Check: name, Result: Failure, Found: fmt.Sprintf(format, args...), Advice: advice})
}

// plainly lets errors among args say time-out where a deadline has passed.
func plainly(args []any) {
	for i, arg := range args {
		if err, is := arg.(error); is {
			args[i] = tasks.InPlainWords(err)
		}
	}
}

// configuration returns whether anything else can be tested.
func (c *check) configuration(problem error) bool {
	if problems, bad := errors.AsType[config.Problems](problem); bad {
		for _, p := range problems {
			c.fail("configuration", "correct it; --help lists the flags and their variables", "%s", p)
		}
		return false
	}
	c.ok("configuration", "every flag and variable is valid")
	return true
}

// since is how long ago began was, as findings show it.
func since(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }
