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

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/check"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/logging"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/secret"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1  // it ran and something failed
	exitUsage   = 2  // bad flags or configuration
	exitUnknown = 3  // --status: nobody knows, Redis does not answer
	exitBusy    = 75 // another run of the task is at work (EX_TEMPFAIL)
)

// version is set by the build.
var version = "dev"

// The program holds one or two megabytes at a time, however many tenants there are.
// Collecting garbage whenever that has doubled costs a fast rotation a tenth of its
// time. So garbage may grow further, up to memoryGoal.
const (
	memoryGoal = 18 << 20
	gcPercent  = 400
	// tokenMemory is what a token in a gateway's memory adds to the goal: half of it is
	// the token, and half is for garbage.
	tokenMemory = 600
)

func main() {
	logging.SurviveBrokenPipe()
	told := daemon.Catch()
	boundMemory(memoryGoal)
	os.Exit(run(context.Background(), told, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// boundMemory lets garbage grow up to a goal, unless the operator has set bounds.
func boundMemory(goal int64) {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(goal)
		debug.SetGCPercent(gcPercent)
	}
}

// run is the program: arguments and environment in, exit code out. told are the
// signals that tell it to stop.
func run(ctx context.Context, told daemon.Signals, args, environ []string, stdout, stderr io.Writer) int {
	flags, err := config.Parse(args, environ, stdout)
	if errors.Is(err, config.ErrHelp) {
		return exitDone
	}
	scrub := secret.NewScrubber(flags.Secrets()...)
	if err != nil {
		return unusable(stderr, scrub, err)
	}
	if flags.Version {
		_, _ = fmt.Fprintln(stdout, "token-scheduler", version)
		return exitDone
	}
	redis.SetLogger(quiet{}) // its calls return its errors, and we log those
	cfg, err := flags.Config()
	if flags.Check {
		told.Default()
		return showCheck(ctx, check.Options{Config: cfg, Problem: err, Exposed: flags.Exposed(args)}, scrub, stdout)
	}
	if err != nil {
		return unusable(stderr, scrub, err)
	}
	live := config.NewLive(args, environ, cfg, scrub)
	screen := newScreen(stderr)
	log := startLog(cfg.Log.JSON, live.Level(), scrub, screen)
	defer log.Close(closeLog)
	for _, e := range flags.Exposed(args) {
		log.Logger().Warn("a secret on the command line is seen by every user of this machine; use the variable", "flag", e.Flag, "variable", e.Variable)
	}
	switch {
	case flags.Healthcheck:
		told.Default()
		return healthcheck(ctx, cfg.Listen, stderr)
	case flags.TakeOver:
		told.Default()
		return takeOver(ctx, cfg, log.Logger(), stdout)
	case flags.Status:
		told.Default()
		return showStatus(ctx, cfg, scrub, log.Logger(), stdout)
	}
	p := program{cfg: cfg, live: live, scrub: scrub, screen: screen, queue: log, log: log.Logger(), told: told}
	return p.work(ctx, stdout)
}

func unusable(stderr io.Writer, scrub *secret.Scrubber, err error) int {
	_, _ = fmt.Fprintln(stderr, "scheduler:", scrub.Mask(err.Error()))
	return exitUsage
}

// program is what works until it is told to stop: the daemon, and --run-once.
type program struct {
	cfg    config.Config
	live   *config.Live
	scrub  *secret.Scrubber
	screen *screen
	queue  *logging.Queue
	log    *slog.Logger
	told   daemon.Signals
}

func (p program) work(ctx context.Context, stdout io.Writer) int {
	s, err := connect(p.cfg, p.live, p.scrub, p.log)
	if err != nil {
		return unusable(p.screen, p.scrub, err)
	}
	defer s.close()
	a, err := newApp(p.cfg, s.parts, p.log)
	if err != nil {
		return unusable(p.screen, p.scrub, err)
	}
	a.registry.MustRegister(p.queue.Dropped())
	life, drain, ignore := p.told.Stop(ctx, daemon.Stopping{Grace: p.cfg.ShutdownGrace, Log: p.log, Abort: func() {
		p.queue.Close(closeLog)
		os.Exit(exitFailed)
	}})
	defer ignore()
	if p.cfg.ByHand.RunOnce {
		return a.once(life, drain, p.screen, stdout)
	}
	defer p.live.OnHangup(p.log)()
	return runDaemon(life, drain, a, s, p.log)
}

// runDaemon runs until drain is closed.
func runDaemon(ctx context.Context, drain <-chan struct{}, a *app, s *backends, log *slog.Logger) int {
	d := a.newDaemon()
	s.status.Memory = a.memory
	handler, err := newHandler(d, s, status.NewSource(s.status), a.reporter.file.all(), log)
	if err != nil {
		log.Error("status page not made", "err", err)
		return exitFailed
	}
	endGateway, err := a.serveGateway(ctx, drain, d.Owns)
	if err != nil {
		log.Error("no gateway; choose another --gateway-listen (GATEWAY_LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer endGateway()
	shutdown, err := serve(ctx, a.cfg, handler, log)
	if err != nil {
		log.Error("no listener; choose another --listen (LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer shutdown()
	defer a.present(ctx, d.Owns)()
	defer a.reporter.inDaemon(ctx)()
	schedule, now := a.cfg.Schedule, s.now()
	log.Info("token-scheduler starts", slices.Concat([]any{"version", version}, a.cfg.Show(), s.lockScope(ctx, log), []any{
		"next_rotate", schedule.Rotate.Next(now), "next_janitor", schedule.Janitor.Next(now),
	})...)
	d.Run(ctx, drain)
	endGateway()
	if d.Hung() {
		log.Error("a run hangs; token-scheduler ends so that MySQL frees the locks of that run. Start it again")
		return exitFailed
	}
	log.Info("token-scheduler has stopped")
	return exitDone
}
