// Package check tests a configuration against its servers before a daemon relies on
// them: MySQL with its schema, grants and clock, Redis, Zync and Porta.
//
// [Run] returns one [Finding] for each test, and each that is not ok says what to do.
// It changes nothing: it writes only under names that no task uses, and
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

// Options say what is tested.
type Options struct {
	Config  config.Config
	Problem error            // of its validation, or nil
	Exposed []config.Exposed // secrets on the command line
	Found   func(Finding)    // is told of each finding as it comes
}

// Run tests a configuration and the servers that it names.
func Run(ctx context.Context, o Options) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &check{cfg: o.Config, add: o.Found}
	if c.configuration(o.Problem) {
		c.exposed(o.Exposed)
		c.mysql(ctx)
		c.redis(ctx)
		c.zync(ctx)
		c.schedule(time.Now().UTC())
	}
}

// check adds findings.
type check struct {
	cfg config.Config
	add func(Finding)
	// fingerprint is that of Porta's database; empty if it can't be read.
	fingerprint string
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

// plainly makes errors among args say time-out if a deadline has passed.
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

// exposed warns of secrets that every user of the machine can read.
func (c *check) exposed(secrets []config.Exposed) {
	for _, e := range secrets {
		c.warn("command line", "use the variable "+e.Variable, "%s holds a secret, which every user of this machine can see (ps)", e.Flag)
	}
}

// since is how long ago began was, as findings show it.
func since(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }
