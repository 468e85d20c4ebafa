// Command scheduler keeps Zync in possession of a sync token that Porta accepts,
// for every tenant: hourly it mints new ones and pushes them, weekly it deletes
// the stale. It is a daemon, and with --run-once a command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1  // it ran and something failed
	exitUsage  = 2  // bad flags or configuration
	exitBusy   = 75 // another run of the task holds it (EX_TEMPFAIL)
)

// version is set by the build.
var version = "dev"

// The program holds one or two megabytes at a time, however many tenants there
// are. Collecting when that has doubled would cost a fast rotation a tenth of its
// time; so garbage may grow further, up to what memoryGoal leaves.
const (
	memoryGoal = 18 << 20
	gcPercent  = 400
)

func main() {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(memoryGoal)
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is the program: arguments and environment in, exit code out.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags, err := config.Parse(args, environ, stdout)
	if errors.Is(err, config.ErrHelp) {
		return exitDone
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "scheduler:", err)
		return exitUsage
	}
	if flags.Version {
		_, _ = fmt.Fprintln(stdout, "token-scheduler", version)
		return exitDone
	}
	redis.SetLogger(quiet{}) // its errors come back from its calls, and are logged there
	cfg, err := flags.Config()
	if flags.Check {
		return showCheck(ctx, cfg, err, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "scheduler:", err)
		return exitUsage
	}
	live := config.NewLive(args, environ, cfg)
	screen := newScreen(stderr)
	log := newLogger(cfg, live.Level(), screen)
	switch {
	case flags.Healthcheck:
		return healthcheck(ctx, cfg, stderr)
	case flags.Status:
		return showStatus(ctx, cfg, log, stdout)
	}
	a, err := newApp(cfg, live, log)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "scheduler:", err)
		return exitUsage
	}
	defer a.close()
	life, drain, ignore := daemon.Signals(ctx, cfg.ShutdownGrace, log, func() { os.Exit(exitFailed) })
	defer ignore()
	if cfg.ByHand.RunOnce {
		return a.once(life, drain, screen, stdout)
	}
	return a.daemon(life, drain)
}
