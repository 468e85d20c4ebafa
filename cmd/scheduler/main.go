// Command scheduler gives Zync a sync token that Porta accepts, for every tenant:
// each hour it mints new tokens and pushes them, each week it deletes stale ones. It
// is a daemon, and with --run-once a command.
//
// This package reads the flags, connects the rooms of the program with each other and
// turns what came of it into an exit code.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1  // it ran and something failed
	exitUsage  = 2  // bad flags or configuration
	exitBusy   = 75 // another run of the task is at work (EX_TEMPFAIL)
)

// version is set by the build.
var version = "dev"

// The program holds one or two megabytes at a time, however many tenants there are.
// Collecting garbage whenever that has doubled costs a fast rotation a tenth of its
// time. So garbage may grow further, up to memoryGoal.
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
		return unusable(stderr, err)
	}
	if flags.Version {
		_, _ = fmt.Fprintln(stdout, "token-scheduler", version)
		return exitDone
	}
	redis.SetLogger(quiet{}) // its calls return its errors, and we log those
	cfg, err := flags.Config()
	if flags.Check {
		return showCheck(ctx, cfg, err, stdout)
	}
	if err != nil {
		return unusable(stderr, err)
	}
	live := config.NewLive(args, environ, cfg)
	screen := newScreen(stderr)
	log := newLogger(cfg.Log.JSON, live.Level(), screen)
	switch {
	case flags.Healthcheck:
		return healthcheck(ctx, cfg.Listen, stderr)
	case flags.Status:
		return showStatus(ctx, cfg, log, stdout)
	}
	s, err := connect(cfg, live, log)
	if err != nil {
		return unusable(stderr, err)
	}
	defer s.close()
	a, err := newApp(cfg, s.parts, log)
	if err != nil {
		return unusable(stderr, err)
	}
	life, drain, ignore := daemon.Signals(ctx, cfg.ShutdownGrace, log, func() { os.Exit(exitFailed) })
	defer ignore()
	if cfg.ByHand.RunOnce {
		return a.once(life, drain, screen, stdout)
	}
	defer live.OnHangup(log)()
	return runDaemon(life, drain, a, s, log)
}

func unusable(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintln(stderr, "scheduler:", err)
	return exitUsage
}

// runDaemon runs until drain is closed.
func runDaemon(ctx context.Context, drain <-chan struct{}, a *app, s *backends, log *slog.Logger) int {
	d := a.newDaemon()
	handler, err := newHandler(d, s, a.registry, log)
	if err != nil {
		log.Error("status page not made", "err", err)
		return exitFailed
	}
	shutdown, err := serve(ctx, a.cfg.Listen, handler, log)
	if err != nil {
		log.Error("no listener; choose another --listen (LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer shutdown()
	schedule, now := a.cfg.Schedule, s.now()
	log.Info("token-scheduler starts", slices.Concat([]any{"version", version}, a.cfg.Show(), []any{
		"next_rotate", schedule.Rotate.Next(now), "next_janitor", schedule.Janitor.Next(now),
	})...)
	d.Run(ctx, drain)
	log.Info("token-scheduler has stopped")
	return exitDone
}
