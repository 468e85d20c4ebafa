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
	// Strays returns accounts that a rotation leaves out though they are providers, see
	// [db.Tenants.Strays]; nil looks for none.
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
	// Gateways returns the gateways that are known, see [ledger.Ledger.Gateways], and
	// Placeholders for whom Zync may hold a placeholder. Both are nil where Redis is not
	// asked; then no placeholder is pushed.
	Gateways     func(ctx context.Context) ([]ledger.Gateway, error)
	Placeholders Placeholders
}

// Order is what an operator asks of a run by hand. A daemon's is empty.
type Order struct {
	// RetryFor is how long a run by hand tries again what fails temporarily. Zero is
	// a daemon's run: a few tries a tenant, and more in later runs.
	RetryFor time.Duration
	Only     []int64 // these tenants; everyone if empty
	Force    bool    // also those served earlier in the window
	DryRun   bool    // count what would be done; write and push nothing
	// Revoke expires a tenant's older sync tokens as soon as its new one is
	// delivered: the answer to a leak. After a placeholder, all of them. It implies Force.
	Revoke bool
}

// reason is an error as it is kept with a tenant that failed.
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

// Tokens says what became of tokens.
type Tokens interface {
	// Missing returns which tokens Porta no longer accepts, see [db.Tokens.Missing].
	// A token that has waited in hand is looked for before it is pushed.
	Missing(ctx context.Context, digests []secret.Text) ([]int, error)
	// Newest returns when the newest live sync token of each owner was made, see
	// [db.Tokens.Newest], and Identity which server answers. Both are for
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

// inZync is what a push says of a tenant.
func inZync(t db.Tenant) zync.Tenant { return zync.Tenant{ID: t.ID, Host: t.Host.String} }
