package rotate

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// restartGrace is for how long no gateway may be alive before placeholders are
	// replaced: a gateway that is restarted comes back.
	restartGrace = 2 * time.Minute
	// mostChosen is for how many tenants a recall is a run for them alone. More are found
	// by a walk through all.
	mostChosen = 1000
)

// recall is what is known of placeholders from one look to the next. Rotations that
// belong together share it.
type recall struct {
	mu    sync.Mutex
	away  time.Time // since when no gateway was seen alive; zero while one is
	given bool      // everyone was given a token since
	out   bool      // placeholders were seen, and not everyone was given a token since
	only  []int64   // the tenants to recall; nil for everyone
}

// gone tells whether no gateway has been alive for the grace, and whether everyone was
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

// gaveAll notes that everyone was given a token, without exception. Redis may have lost
// who was given a placeholder, so that it knows of none means less.
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

// Recall returns a rotation that gives a live token to those whom the last [Stranded] has
// found: a few tenants with a placeholder, or all of them and whoever was not served in the
// window.
func (r *Rotation) Recall() tasks.Task {
	o := r.o
	o.Placeholder, o.Only = false, r.recall.chosen()
	back := New(o)
	back.zync, back.patience, back.memory, back.said, back.recall = r.zync, r.patience, r.memory, r.said, r.recall
	return recalling{back}
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
