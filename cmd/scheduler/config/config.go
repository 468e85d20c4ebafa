package config

import (
	"log/slog"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/zync"
)

const (
	// LeaseLife is how long the lease of a dead leader, or of a dead run, stays
	// taken.
	LeaseLife = 15 * time.Second
	// TolerableSkew is the largest difference between MySQL's clock and ours that
	// needs no warning.
	TolerableSkew = time.Minute
)

// Config is the configuration after validation.
type Config struct {
	Name          string // of the installation
	Database      db.Options
	Redis         locks.Options
	Zync          Zync
	Porta         Porta
	Proxy         bool // of the environment, for Zync and Porta
	Schedule      Schedule
	Listen        Listen
	Log           Log
	ShutdownGrace time.Duration
	ByHand        ByHand
	Look          Look
	MetricsFile   string      // empty for none
	PingURL       secret.Text // empty for none

	files files // that were read
}

// Zync is how tokens are pushed.
type Zync struct {
	Endpoint    string
	Token       secret.Text   // empty: no credential is sent
	Concurrency int           // pushes at a time; zero finds out how many help
	Rate        float64       // pushes a second at most; zero is no limit
	RetryFor    time.Duration // how long --run-once retries temporary failures
	Placeholder bool          // push placeholders in place of tokens
	Files       secret.TLSFiles
}

// Porta is who owns a sync token, and how Porta is asked.
type Porta struct {
	ImpersonationAdmin string
	Endpoint           string // empty: each tenant's own
	Tenants            zync.Endpoint
	Verify             bool // try a run's first token before it is pushed
	Files              secret.TLSFiles
}

// Schedule is when the tasks run, and how long a token lives.
type Schedule struct {
	Rotate, Janitor tasks.Schedule
	Timezone        *time.Location
	TokenTTL        time.Duration
}

// Listen is where the daemon answers HTTP requests.
type Listen struct {
	Address   string // empty: nowhere
	WebConfig string // a file for TLS and authentication; empty for plain HTTP
	Gateway   string // where Zync's requests for Porta are carried; empty: nowhere
}

// Log is how events are logged.
type Log struct {
	JSON  bool
	Level slog.Level
}

// ByHand is what --run-once is asked to do, and the form of the report.
type ByHand struct {
	RunOnce    bool
	Tasks      []string
	Tenants    []int64 // account ids; empty for everyone
	Force      bool
	Revoke     bool
	DryRun     bool
	Wait       time.Duration
	ReportJSON bool
	Quiet      bool // no report of a success, and no log line below a warning
}

// Look is what --status is asked for beside the whole.
type Look struct {
	Tenant  int64 // zero for none
	History bool
}

// HasPrecedence is true if a daemon's run should give way.
func (h ByHand) HasPrecedence() bool {
	return h.RunOnce && (h.Force || h.Revoke || len(h.Tenants) > 0)
}

// KeyPrefix begins every key of the installation on Redis. The name is a hash tag,
// so that all keys share one slot of a Redis Cluster.
func (c Config) KeyPrefix() string { return "token-scheduler:{" + c.Name + "}:" }
