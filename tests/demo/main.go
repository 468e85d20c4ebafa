// Command demo shows the scheduler's main job on its own real servers. It seeds a Porta
// of 200 tenants, rotates twice, purges, and prints what Zync has beside what Porta
// accepts. Then it shows the gateway. It leaves nothing behind. With -serve it only keeps
// the servers up, for trying things by hand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

const credential = "demo-credential"

func main() {
	binary := flag.String("bin", "bin/scheduler", "the scheduler's binary")
	tenants := flag.Int("tenants", 200, "how many tenants to seed")
	serve := flag.String("serve", "", "keep the servers up, and write their configuration into this folder")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *binary, *tenants, *serve)
	stopped := ctx.Err() != nil
	stop()
	if stopped {
		fmt.Fprintln(os.Stderr, "demo: stopped, nothing is left behind")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is the scheduler and its servers.
type demo struct {
	binary                          string
	porta                           *porta.Porta
	zync                            *zync.Zync
	api                             *porta.API
	databaseURL, redisURL, portaURL string
}

func run(ctx context.Context, binary string, tenants int, serve string) (err error) {
	dir, err := os.MkdirTemp("", "token-scheduler-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say("Starting a private MariaDB, Redis and stand-in Zync, and seeding %d tenants among 2,000 buyers.", tenants)
	mariadb, err := servers.StartMariaDB(ctx, mkdir(dir, "mariadb"))
	if err != nil {
		return err
	}
	defer mariadb.Stop()
	redis, err := servers.StartRedis(ctx, mkdir(dir, "redis"))
	if err != nil {
		return err
	}
	defer redis.Stop()
	d := &demo{binary: binary}
	if d.porta, err = porta.Create(ctx, mariadb.Config()); err != nil {
		return err
	}
	defer func() { _ = d.porta.DB.Close() }()
	if d.zync, err = zync.Start(zync.Options{Token: credential}); err != nil {
		return err
	}
	defer d.zync.Close()
	d.api = porta.NewAPI(d.porta, credential)
	web := httptest.NewServer(d.api)
	defer web.Close()
	d.databaseURL, d.redisURL, d.portaURL = d.porta.URL(), redis.URL(0), web.URL
	seeded, err := d.seed(ctx, tenants)
	if err != nil {
		return err
	}
	if serve != "" {
		return d.serve(ctx, serve)
	}
	return d.show(ctx, seeded)
}

// seed fills Porta. Every other tenant is known to Zync, with a token that Porta made
// at the tenant's last event.
func (d *demo) seed(ctx context.Context, tenants int) (*porta.Seeded, error) {
	seeded, err := d.porta.Fill(ctx, porta.Seed{Tenants: tenants, Buyers: 2000, Tokens: true})
	if err != nil {
		return nil, err
	}
	tokens, err := d.porta.Mint(ctx, seeded.Owners, time.Hour)
	for id, token := range tokens {
		if id%2 == 0 {
			d.zync.Know(id, porta.Endpoint(id), token)
		}
	}
	return seeded, err
}

func (d *demo) show(ctx context.Context, seeded *porta.Seeded) error {
	for _, step := range []struct {
		title string
		args  []string
	}{
		{"A rotation: every tenant with an admin gets a new token", []string{"--run-once", "--task=rotate"}},
		{"The same again: in this window everyone is served already", []string{"--run-once", "--task=rotate"}},
		{"The janitor: stale sync tokens go, all others stay", []string{"--run-once", "--task=janitor"}},
	} {
		say("\n== %s\n$ scheduler %s %s", step.title, step.args[0], step.args[1])
		if err := d.scheduler(ctx, step.args...); err != nil {
			return err
		}
	}
	say("\n== What Zync holds, beside what Porta accepts")
	if err := d.compare(ctx, seeded); err != nil {
		return err
	}
	return d.gateway(ctx)
}

func (d *demo) scheduler(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.binary, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+d.databaseURL, "REDIS_URL="+d.redisURL,
		"ZYNC_ENDPOINT="+d.zync.URL, "ZYNC_AUTHENTICATION_TOKEN="+credential, "PORTA_ENDPOINT="+d.portaURL)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("scheduler %v: %w", args, err)
	}
	return nil
}

func mkdir(parent, name string) string {
	dir := filepath.Join(parent, name)
	_ = os.Mkdir(dir, 0o700) // a server that finds none says so
	return dir
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
