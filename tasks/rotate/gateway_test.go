package rotate_test

import (
	"context"
	"errors"
	"sync"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// gate is a gateway as Redis knows it.
type gate struct {
	*sim.Ledger

	mu      sync.Mutex
	alive   bool
	request time.Time
	err     error // of a Redis that does not answer for it
}

// set changes the gateway.
func (g *gate) set(change func(g *gate)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(g)
}

// dies ends it without a word.
func (g *gate) dies() { g.set(func(g *gate) { g.alive = false }) }

// fails has Redis say nothing of it.
func (g *gate) fails() { g.set(func(g *gate) { g.err = errors.New("away") }) }

// speak says that it serves.
func (g *gate) speak() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alive {
		_ = g.RecordGateway(context.Background(), ledger.Gateway{By: "a:1", LastRequest: g.request}, time.Now())
	}
}

// withPlaceholders has a world's rotation push placeholders, and returns a gateway that
// carries. It speaks every ten seconds, as a daemon does.
func (w *world) withPlaceholders() *gate {
	g := &gate{Ledger: sim.NewLedger(w.redis), alive: true, request: time.Now()}
	w.o.Placeholder, w.o.Placeholders = true, g
	w.o.Gateways = func(ctx context.Context) ([]ledger.Gateway, error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.err != nil {
			return nil, g.err
		}
		return g.Gateways(ctx)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(ledger.GatewayEvery)
		defer tick.Stop()
		for {
			g.speak()
			select {
			case <-tick.C:
			case <-w.t.Context().Done():
				return
			}
		}
	}()
	w.t.Cleanup(func() { <-ended })
	synctest.Wait()
	return g
}

// stops is a gateway that ends cleanly.
func (g *gate) stops() {
	g.dies()
	_ = g.RemoveGateway(context.Background(), "a:1")
}

// withPlaceholder is for how many tenants Zync holds a placeholder.
func (w *world) withPlaceholder() (n int) {
	for _, id := range w.porta.Tenants() {
		if w.zync.Holds(id) == porta.Digest(rotate.Placeholder) {
			n++
		}
	}
	return n
}

func (w *world) marked() int {
	w.t.Helper()
	n, err := w.o.Placeholders.CountPlaceholders(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// rotate runs a rotation that is expected to work.
func (w *world) rotate(r *rotate.Rotation) tasks.Result {
	w.t.Helper()
	result, err := w.runBy(r, nil)
	if err != nil || !result.Complete {
		w.t.Fatalf("error %v, complete %t", err, result.Complete)
	}
	return result
}

// rotateDry is a dry run.
func (w *world) rotateDry(o rotate.Options) tasks.Result {
	w.t.Helper()
	result, err := w.runBy(rotate.New(o), nil)
	if err != nil || w.zync.Pushes() > 0 {
		w.t.Fatalf("a dry run: error %v, %d pushes", err, w.zync.Pushes())
	}
	return result
}
