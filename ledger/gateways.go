package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// GatewayEvery is how often a daemon says that its gateway serves.
	GatewayEvery = 10 * time.Second
	// gatewayFor is how long after its last word a gateway counts as alive.
	gatewayFor = 35 * time.Second
	// carriedFor is how long a request that a gateway carried shows that Zync uses it.
	carriedFor = 24 * time.Hour
)

// Gateway is what a daemon says of the gateway that it serves.
type Gateway struct {
	By      string    `json:"by"`      // the name of the daemon's process
	Address string    `json:"address"` // where it listens
	Since   time.Time `json:"since"`   // when it began to serve
	Seen    time.Time `json:"seen"`    // its last word
	// LastRequest is when it last carried a request of Zync's to Porta and back. It is
	// zero if it has carried none.
	LastRequest time.Time `json:"last_request,omitzero"`
	// Tokens is how many tokens it holds.
	Tokens int `json:"tokens"`
}

// Alive tells whether the gateway has said that it serves a short time before now.
func (g Gateway) Alive(now time.Time) bool { return near(now, g.Seen, gatewayFor) }

// Carries tells whether Zync reads Porta through this gateway: it is alive, and it has
// carried a request within the last day.
func (g Gateway) Carries(now time.Time) bool {
	return g.Alive(now) && near(now, g.LastRequest, carriedFor)
}

// near tells whether a time lies before now by at most d. A time ahead of now by more
// than the clocks of two hosts may differ counts for nothing.
func near(now, at time.Time, d time.Duration) bool {
	return !Believable(at, now).IsZero() && now.Sub(at) <= d
}

func (l *Ledger) gateways() string { return l.prefix + "gateways" }

// RecordGateway notes that this process serves a gateway. It forgets the gateways that
// are not alive any more.
func (l *Ledger) RecordGateway(ctx context.Context, g Gateway, now time.Time) error {
	g.By, g.Seen = l.by, now
	known, err := l.Gateways(ctx)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode gateway: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err = l.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, other := range known {
			if !other.Alive(now) {
				pipe.HDel(ctx, l.gateways(), other.By)
			}
		}
		pipe.HSet(ctx, l.gateways(), l.by, encoded)
		return nil
	})
	if err != nil {
		return fmt.Errorf("record gateway: %w", err)
	}
	return nil
}

// RemoveGateway notes that this process serves no gateway any more.
func (l *Ledger) RemoveGateway(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := l.client.HDel(ctx, l.gateways(), l.by).Err(); err != nil {
		return fmt.Errorf("remove gateway: %w", err)
	}
	return nil
}

// Gateways returns what the gateways have said of themselves, in the order of their
// names. It holds gateways that ended without a word, too: see [Gateway.Alive].
func (l *Ledger) Gateways(ctx context.Context) ([]Gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var values map[string]string
	err := l.on(ctx, hashType, func() (err error) {
		values, err = l.client.HGetAll(ctx, l.gateways()).Result()
		return err
	}, l.gateways())
	if err != nil {
		return nil, fmt.Errorf("read gateways: %w", err)
	}
	var known []Gateway
	for by, value := range values {
		var g Gateway
		if json.Unmarshal([]byte(value), &g) == nil && g.By == by {
			known = append(known, g)
		}
	}
	slices.SortFunc(known, func(a, b Gateway) int { return strings.Compare(a.By, b.By) })
	return known, nil
}
