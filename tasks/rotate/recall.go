package rotate

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// restartGrace is how long all gateways may be away before placeholders are replaced.
	// A restart takes less time.
	restartGrace = 2 * time.Minute
	// mostChosen is the largest number of tenants for which a recall is a run for these
	// tenants only. For more, it walks through all tenants.
	mostChosen = 1000
)

// recall is what is known about placeholders from one look to the next. Related rotations
// share it.
type recall struct {
	mu    sync.Mutex
	away  time.Time // since when no gateway was seen alive; zero while one is
	given bool      // everyone was given a token since
	out   bool      // placeholders were seen, and not everyone was given a token since
	only  []int64   // the tenants to recall; nil for everyone
}

// gone tells whether no gateway has been alive for restartGrace, and whether everyone was
// given a token since.
func (c *recall) gone(alive bool, placeholders int) (gone, given bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = c.out || placeholders > 0
	switch {
	case alive:
		c.away, c.given = time.Time{}, false
		return false, false
	case c.away.IsZero():
		c.away = time.Now()
	}
	return time.Since(c.away) >= restartGrace, c.given
}

func (c *recall) gave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = true
}

// gaveAll notes that every tenant was given a token. Only this clears out: Redis may have lost
// its placeholders, so an empty list there proves nothing.
func (c *recall) gaveAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = false
}

// choose notes whom to recall.
func (c *recall) choose(ids []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.only = ids
}

func (c *recall) chosen() []int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.only
}

// Recall returns a rotation that gives live tokens to the tenants that the last call of
// [Rotation.Stranded] found. These are some tenants with a placeholder, or all of them and all
// that were not served in the window.
func (r *Rotation) Recall() tasks.Task {
	o := r.o
	o.Placeholder, o.Only = false, r.recall.chosen()
	return recalling{r.related(o)}
}

// recalling is a rotation after which everyone has a token.
type recalling struct{ *Rotation }

// Run implements [tasks.Task].
func (r recalling) Run(ctx context.Context, run tasks.Run) (tasks.Result, error) {
	result, err := r.Rotation.Run(ctx, run)
	if err == nil && result.Complete && !result.Chosen {
		r.recall.gave()
	}
	return result, err
}
