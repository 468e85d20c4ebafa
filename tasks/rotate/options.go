package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

// Options say what a rotation works with, and how.
type Options struct {
	Porta
	Records
	Order
	Zync Zync
	// Clean makes a tenant's reason printable: it may quote a server. It may be nil.
	Clean   func(string) string
	Metrics *Metrics
	Now     func() time.Time

	TTL         time.Duration // of a token; whole seconds
	Concurrency int           // pushes at a time; zero finds out how many help
	Rate        float64       // pushes a second at most; zero for no limit
	// Placeholder pushes [Placeholder] in place of tokens while a gateway carries Zync's
	// requests.
	Placeholder bool
}

// Porta is where tenants and tokens are.
type Porta struct {
	Tenants    Tenants
	Tokens     Tokens
	OpenWriter func(ctx context.Context) (Writer, error) // [db.ErrFenced] if another scheduler writes
	// Verify tries a token on Porta, see [zync.Porta.Verify]; nil tries none.
	Verify func(ctx context.Context, tenant zync.Tenant, token secret.Text) error
	// Strays returns provider accounts that a rotation leaves out, see
	// [db.Tenants.Strays]. If it is nil, none are looked for.
	Strays func(ctx context.Context) ([]int64, error)
}

// Records are what is known from one run to the next.
type Records struct {
	Ledger   Ledger
	Bookmark Bookmark
	Said     Said // nil remembers in this process only
	// FailedAt returns when a push for each tenant last failed, in any process, see
	// [ledger.Ledger.FailedAt]. A revocation asks it; nil asks nobody.
	FailedAt func(ctx context.Context, ids []int64) ([]time.Time, error)
	// Gateways returns the gateways, see [ledger.Ledger.Gateways]. Placeholders knows the
	// tenants for which Zync may hold a placeholder. Both are nil for a rotation without
	// Redis, which pushes no placeholder.
	Gateways     func(ctx context.Context) ([]ledger.Gateway, error)
	Placeholders Placeholders
}

// Order is what an operator asks for in a run by hand. A daemon's is empty.
type Order struct {
	// RetryFor is how long a run by hand retries temporary failures. It is zero in a
	// daemon's run, which tries each tenant a few times, and again in later runs.
	RetryFor time.Duration
	Only     []int64 // these tenants; everyone if empty
	Force    bool    // also those served earlier in the window
	DryRun   bool    // count what would be done; write and push nothing
	// Revoke expires a tenant's older sync tokens as soon as its new one is delivered, and
	// all of them after a placeholder. It is for a leak. It implies Force.
	Revoke bool
}

// reason is the printable text of an error, for a tenant that failed.
func (o *Options) reason(err error) string {
	if o.Clean == nil {
		return err.Error()
	}
	return o.Clean(err.Error())
}

// Tenants lists Porta's tenants with their owners.
type Tenants interface {
	Page(ctx context.Context, after db.Cursor, limit int) ([]db.Tenant, db.Cursor, error)
	ByID(ctx context.Context, ids []int64) ([]db.Tenant, error)
	Count(ctx context.Context) (int, error)
}

// Tokens answers questions about tokens in MySQL.
type Tokens interface {
	// Missing returns which tokens Porta no longer accepts, see [db.Tokens.Missing].
	// A run asks for a token that has waited in hand before it pushes that token.
	Missing(ctx context.Context, digests []secret.Text) ([]int, error)
	// Newest returns when the newest live sync token of each owner was made, see
	// [db.Tokens.Newest]. Identity returns which server answers. Both are for
	// [Rotation.Lost].
	Newest(ctx context.Context, owners []int64) (map[int64]time.Time, error)
	Identity(ctx context.Context) (db.Identity, error)
}

// Writer changes access_tokens; see [db.Writer].
type Writer interface {
	Insert(ctx context.Context, tokens []db.NewToken, ttl time.Duration) ([]db.Refused, error)
	Delete(ctx context.Context, digests []secret.Text) (int, error)
	Revoke(ctx context.Context, delivered []secret.Text, spare time.Duration) (db.Revoked, error)
	RevokeAll(ctx context.Context, accounts []int64) (int, error)
	Lost() error
	Close() error
}

// Ledger knows when each tenant was last served; see [ledger.Ledger].
type Ledger interface {
	Deliveries(ctx context.Context, ids []int64) ([]time.Time, error)
	Minted(ctx context.Context, ids []int64) ([]time.Time, error)
	Record(ctx context.Context, delivered map[int64]ledger.Delivery, failed map[int64]string, now time.Time) error
}

// Bookmark remembers where a rotation that did not reach everyone stopped, so
// that the next one begins there and nobody is always the last.
type Bookmark interface {
	Resume(ctx context.Context) (int64, error)
	RecordResume(ctx context.Context, id int64) error
}

// Zync takes tokens; see [zync.Client].
type Zync interface {
	Push(ctx context.Context, tenant zync.Tenant, token secret.Text) zync.Answer
	Alive(ctx context.Context) error
}

// inZync is a tenant as a push describes it.
func inZync(t db.Tenant) zync.Tenant { return zync.Tenant{ID: t.ID, Host: t.Host.String} }
