package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// Tenants is what the gateway needs of Porta's database. [db.Hosts] implements it, on
// a pool of connections of its own.
type Tenants interface {
	// ByHost finds the tenant of a host. The error is [db.ErrNoTenant] if MySQL knows
	// none.
	ByHost(ctx context.Context, host string) (db.Account, error)
	// Mint writes a token that lives for ttl.
	Mint(ctx context.Context, token db.NewToken, ttl time.Duration) error
	// Accepts tells whether the token with a digest exists and lives.
	Accepts(ctx context.Context, digest secret.Text) (bool, error)
}

// Options describe a gateway. All but the last four are required.
type Options struct {
	Porta    string             // PORTA_ENDPOINT
	Zync     func() secret.Text // ZYNC_AUTHENTICATION_TOKEN as it is now; empty lets nobody in
	Tenants  Tenants
	TTL      time.Duration // of the tokens that it mints
	Registry prometheus.Registerer
	Log      *slog.Logger

	TenantEndpoint string            // a template with {self_domain}; empty is https://{self_domain}/
	Transport      http.RoundTripper // towards Porta; nil is the network
	Now            func() time.Time  // nil is [time.Now]
	Grace          time.Duration     // for the requests at work when Serve's context ends; zero is 30 s
}

// Gateway is an [http.Handler] for Zync's requests.
type Gateway struct {
	zync     func() secret.Text
	hosts    template
	tokens   *tokens
	porta    *porta
	metrics  *metrics
	refusals *refusals
	log      *slog.Logger
	now      func() time.Time
	grace    time.Duration

	slots   chan struct{} // one for each request at work
	carried atomic.Int64  // when a request was last carried to its end, in Unix nanoseconds
}

// most is how many requests are at work at a time.
const most = 256

// New returns a gateway. The error says which option cannot be used. Call
// [Gateway.Close] when its requests have ended.
func New(o Options) (*Gateway, error) {
	if o.Zync == nil || o.Tenants == nil || o.Registry == nil || o.Log == nil || o.TTL <= 0 {
		return nil, errors.New("gateway: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Grace == 0 {
		o.Grace = 30 * time.Second
	}
	if err := Usable(o.Porta, o.TenantEndpoint); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	hosts, _ := parseTemplate(o.TenantEndpoint) // it is usable
	porta := newPorta(o.Porta, o.Zync, o.Transport)
	g := &Gateway{
		zync: o.Zync, hosts: hosts, porta: porta, log: o.Log, now: o.Now, grace: o.Grace,
		tokens: newTokens(o.Tenants, o.TTL, o.Now), refusals: newRefusals(o.Log), slots: make(chan struct{}, most),
	}
	g.metrics = newMetrics(o.Registry, g.tokens.count)
	return g, nil
}

// Usable returns an error if a gateway can't work with this Porta endpoint and this
// template of the tenants' endpoints.
func Usable(porta, tenantEndpoint string) error {
	if err := checkPorta(porta); err != nil {
		return err
	}
	_, err := parseTemplate(tenantEndpoint)
	return err
}

// LastRequest returns when a request from Zync was last carried to Porta and back
// (outcome served or gone). It is zero if this process has carried none.
func (g *Gateway) LastRequest() time.Time {
	at := g.carried.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}

// Tokens returns how many tokens are in memory.
func (g *Gateway) Tokens() int { return g.tokens.count() }

// Close ends running mints and lookups, forgets the tokens, and closes the connections
// to Porta. Call it after all requests have ended.
func (g *Gateway) Close() {
	g.tokens.close()
	g.porta.close()
}
