package main

import (
	"log/slog"
	"time"
	_ "time/tzdata" // images without a zone database know the zones, too

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// config is what the flags say, checked.
type config struct {
	database db.Options
	redis    locks.Options

	zyncEndpoint    string
	zyncToken       secret.Text
	portaEndpoint   string
	verify          bool
	impersonation   string
	pushConcurrency int     // zero finds out
	pushRate        float64 // a second; zero for no limit
	retryFor        time.Duration
	tokenTTL        time.Duration
	rotate, janitor tasks.Schedule
	timezone        *time.Location
	listen          string
	webConfig       string // a file; empty for plain HTTP
	logJSON         bool
	logLevel        slog.Level
	name            string
	shutdownGrace   time.Duration
	runOnce         bool
	tasks           []string
	tenants         []int64
	force, dryRun   bool
	revoke          bool
	wait            time.Duration
	reportJSON      bool
}

// config checks the flags and says all that is wrong with them in one error.
func (f flags) config() (config, error) {
	c := checker{problems: f.problems}
	cfg := config{
		zyncEndpoint: f.ZyncEndpoint, zyncToken: secret.New(f.ZyncAuthenticationToken),
		portaEndpoint: f.PortaEndpoint, impersonation: f.ImpersonationAdmin,
		listen: f.Listen, webConfig: f.WebConfigFile, name: f.Name, runOnce: f.RunOnce, force: f.Force, dryRun: f.DryRun, revoke: f.Revoke,
		logJSON: f.LogFormat == "json", reportJSON: f.Report == "json", verify: f.Verify == "canary",
	}
	f.checkStores(&c, &cfg)
	f.checkZync(&c, &cfg)
	f.checkSchedule(&c, &cfg)
	f.checkOperation(&c, &cfg)
	f.checkByHand(&c, &cfg)
	return cfg, c.err()
}
