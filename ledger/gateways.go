package ledger

import (
	"context"
	"maps"
	"slices"
	"time"
)

const (
	// GatewayEvery is how often a daemon records its gateway.
	GatewayEvery = 10 * time.Second
	// gatewayFor is how long a gateway counts as alive after its last entry.
	gatewayFor = 35 * time.Second
	// carriedFor is how long a carried request proves that Zync uses the gateway.
	carriedFor = 24 * time.Hour
)

// Gateway is a daemon's entry about its gateway.
type Gateway struct {
	By      string    `json:"by"`      // the name of the daemon's process
	Address string    `json:"address"` // where it listens
	Since   time.Time `json:"since"`   // when it began to serve
	Seen    time.Time `json:"seen"`    // its last entry
	// LastRequest is when it last carried one of Zync's requests. It is zero if it has
	// carried none.
	LastRequest time.Time `json:"last_request,omitzero"`
	// Tokens is how many tokens it holds.
	Tokens int `json:"tokens"`
}

// Alive tells whether the gateway's last entry is recent.
func (g Gateway) Alive(now time.Time) bool { return near(now, g.Seen, gatewayFor) }

// Carries tells whether Zync reads Porta through this gateway: it is alive, and it has
// carried a request within the last day.
func (g Gateway) Carries(now time.Time) bool {
	return g.Alive(now) && near(now, g.LastRequest, carriedFor)
}

// near tells whether at is at most d before now. It is false for a time that is ahead by more
// than the clocks of two hosts may differ.
func near(now, at time.Time, d time.Duration) bool {
	return !Believable(at, now).IsZero() && now.Sub(at) <= d
}

func (l *Ledger) gateways() string { return l.prefix + "gateways" }

func (l *Ledger) gatewayRegister() register[Gateway] {
	return register[Gateway]{Ledger: l, key: l.gateways(), what: "gateway", alive: Gateway.Alive}
}

// RecordGateway notes that this process runs a gateway. It removes gateways that are not
// alive any more.
func (l *Ledger) RecordGateway(ctx context.Context, g Gateway, now time.Time) error {
	g.By, g.Seen = l.by, now
	return l.gatewayRegister().record(ctx, g, now)
}

// RemoveGateway notes that this process runs no gateway any more.
func (l *Ledger) RemoveGateway(ctx context.Context) error { return l.gatewayRegister().remove(ctx) }

// Gateways returns the entries of the gateways, in the order of their names. Some may be of
// gateways that were killed: see [Gateway.Alive].
func (l *Ledger) Gateways(ctx context.Context) ([]Gateway, error) {
	entries, err := l.gatewayRegister().entries(ctx)
	if err != nil {
		return nil, err
	}
	var known []Gateway
	for _, by := range slices.Sorted(maps.Keys(entries)) {
		if g := entries[by]; g.By == by {
			known = append(known, g)
		}
	}
	return known, nil
}
