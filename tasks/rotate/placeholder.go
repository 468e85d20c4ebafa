package rotate

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
)

// Placeholder is the text that is pushed in place of a token. A gateway between Zync and
// Porta takes no notice of what Zync holds.
const Placeholder = "zync"

const (
	// askEvery is how often a run that pushes placeholders asks for the gateways.
	askEvery = time.Second
	// carriedFor is how long placeholders may be pushed after Redis last showed a gateway
	// that carries. It allows for one or two failed answers.
	carriedFor = 10 * time.Second
)

// errWithheld ends a pass that pushes placeholders when no gateway carries any more.
var errWithheld = errors.New("no placeholder may be pushed any more")

// Placeholders remembers the tenants for which Zync may hold a placeholder; see
// [ledger.Ledger].
type Placeholders interface {
	AnnouncePlaceholders(ctx context.Context, ids []int64, now time.Time) error
	PlaceholdersOf(ctx context.Context, ids []int64) ([]time.Time, error)
	CountPlaceholders(ctx context.Context) (int, error)
	SomePlaceholders(ctx context.Context, n int) ([]int64, error)
	ForgetPlaceholders(ctx context.Context, ids []int64) error
}

// pass is what a walk through the tenants pushes. A run has a second pass if the gateways
// stop carrying during the first one.
type pass struct {
	placing bool // placeholders, and no tokens
	// recalls is true if tenants for which Zync may hold a placeholder are due, even if they
	// were served in this window.
	recalls bool
}

// firstPass decides what a run pushes. It logs why if live tokens replace placeholders.
func (r *Rotation) firstPass(ctx context.Context, log *slog.Logger) pass {
	if !r.o.Placeholder {
		return pass{recalls: true}
	}
	why := r.withheld(ctx)
	if why != ledger.Allowed {
		log.Warn("live tokens are pushed in place of placeholders", "why", why.Words())
	}
	return pass{placing: why == ledger.Allowed}
}

// withheld says why no placeholder may be pushed now.
func (r *Rotation) withheld(ctx context.Context) ledger.Withheld {
	why := ledger.NotKnown
	if r.o.Gateways != nil {
		known, err := r.o.Gateways(ctx)
		why = ledger.Withhold(known, err, r.o.Now())
	}
	r.o.Metrics.withhold(why)
	return why
}

// carrier is what a pass knows of the gateways.
type carrier struct {
	asking bool
	asked  time.Time
	last   atomic.Pointer[time.Time] // when it was last asked with the answer that one carries
}

func newCarrier(now time.Time) *carrier {
	c := &carrier{asked: now}
	c.last.Store(&now)
	return c
}

// sure is true for a short time after Redis has shown a gateway that carries.
func (c *carrier) sure() bool { return time.Since(*c.last.Load()) < carriedFor }

// askForGateways ends a pass that pushes placeholders once no gateway carries any more.
func (e *engine) askForGateways(ctx context.Context, now time.Time) {
	c := e.carrier
	if !e.pass.placing || e.end.stopping || c.asking || now.Sub(c.asked) < askEvery {
		return
	}
	c.asking, c.asked = true, now
	var known []ledger.Gateway
	e.async(func() (err error) {
		known, err = e.o.Gateways(ctx)
		return err
	}, func(err error) {
		c.asking = false
		switch why := ledger.Withhold(known, err, e.o.Now()); {
		case why == ledger.Allowed:
			c.last.Store(&now)
		case why == ledger.NotKnown && c.sure():
		default:
			e.o.Metrics.withhold(why)
			e.run.Log.Warn("no placeholder may be pushed any more; everyone is given a live token, also those who were given a placeholder",
				"why", why.Words(), "placeholders", e.tally.delivered)
			e.stop(errWithheld)
			time.AfterFunc(gaveWayAfter, e.end.hurry)
		}
	})
}

// mayPlace is true if a placeholder may be pushed now. If it was announced some time ago, it
// is announced again, because it may arrive late.
func (e *engine) mayPlace(ctx context.Context, t *token) bool {
	if !e.carrier.sure() {
		return false
	}
	if t.tries == 0 && time.Since(t.born) < rowAge {
		return true
	}
	return e.o.Placeholders.AnnouncePlaceholders(ctx, []int64{t.tenant.ID}, e.o.Now()) == nil
}

// place makes placeholders for the tenants of a batch. Tenants come again after an error.
func (m *minter) place(ctx context.Context, batch []planned, out *minted) error {
	ids := make([]int64, len(batch))
	for i, p := range batch {
		ids[i] = p.tenant.ID
	}
	if err := m.o.Placeholders.AnnouncePlaceholders(ctx, ids, m.o.Now()); err != nil {
		m.plan.again = append(m.plan.again, batch...)
		return err
	}
	for _, p := range batch {
		out.tokens = append(out.tokens, &token{
			planned: p, placeholder: true, plaintext: secret.New(Placeholder),
			born: time.Now(), epoch: m.epoch, repeat: m.memory.fails(p.tenant.ID),
		})
	}
	return nil
}

// revokeAll ends all tokens of tenants that got a placeholder. The gateways notice that and
// mint new ones.
func (m *minter) revokeAll(ctx context.Context, batch []*token, out *ended) error {
	accounts := make([]int64, len(batch))
	for i, t := range batch {
		accounts[i] = t.tenant.ID
	}
	if _, err := m.writer.RevokeAll(ctx, accounts); err != nil {
		m.dropLost(err)
		return err
	}
	out.left.revokes = out.left.revokes[len(batch):]
	return nil
}

// abandon ends a pass early. The ledger knows which tenants got a placeholder.
func (e *engine) abandon(ctx context.Context) {
	e.hand.drain()
	e.results.ends = ends{}
	e.recordRest(ctx)
}

// delivery is the ledger's entry for a token that was delivered now. A placeholder that was
// pushed shortly before may still arrive after it.
func (e *engine) delivery(t *token, now time.Time) ledger.Delivery {
	if t.placeholder {
		return ledger.Delivery{At: now, Placeholder: now}
	}
	d := ledger.Delivery{At: now, Minted: now.Add(-time.Since(t.born))}
	if held := ledger.Believable(t.held, now); now.Sub(held) < spareYoung {
		d.Placeholder = held
	}
	return d
}
