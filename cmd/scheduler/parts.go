package main

import (
	"context"
	"net/http"
	"time"

	"github.com/bsm/redislock"
	"github.com/jmoiron/sqlx"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/gateway"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/janitor"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
)

// parts are what the program is made of. [connect] fills them with real servers, the
// simulation with its own, and [newApp] builds the same program from either.
type parts struct {
	self       status.Process
	tenants    tenants
	stale      janitor.StaleTokens
	openWriter func(ctx context.Context, task string) (writer, error)
	ledger     book
	presence   presence
	said       rotate.Said
	failedAt   func(ctx context.Context, ids []int64) ([]time.Time, error) // see [ledger.Ledger.FailedAt]
	owns       func(context.Context) error                                 // see [owner.check]; nil if the keys are the program's own
	redis      redislock.RedisClient                                       // for leases
	hosts      gateway.Tenants
	transports
	zyncToken  func() secret.Text  // the credential in force
	clean      func(string) string // makes a text from outside printable; may be nil
	cleanError func(error) error   // the same for errors
	now        func() time.Time
	leaseLife  time.Duration
	beat       time.Duration
}

// transports carry the program's HTTP requests.
type transports struct {
	zync, porta  http.RoundTripper
	gatewayPorta http.RoundTripper // the gateway's requests to Porta
}

// tenants are Porta's tenants and tokens; see [db.Tenants].
type tenants interface {
	rotate.Tenants
	rotate.Tokens
	Strays(ctx context.Context) ([]int64, error)
}

// portaTenants are Porta's tenants and tokens in MySQL.
type portaTenants struct {
	*db.Tenants
	*db.Tokens
	pool *sqlx.DB
}

// Identity says which server answers.
func (t portaTenants) Identity(ctx context.Context) (db.Identity, error) {
	return db.ServerIdentity(ctx, t.pool)
}

// writer may change Porta's tokens, for any task; see [db.Writer].
type writer interface {
	rotate.Writer
	janitor.Writer
}

// book is what Redis remembers; see [ledger.Ledger].
type book interface {
	rotate.Ledger
	rotate.Bookmark
	rotate.Placeholders
	Gateways(ctx context.Context) ([]ledger.Gateway, error)
	janitor.Ledger
	tasks.Record
	daemon.Record
}
