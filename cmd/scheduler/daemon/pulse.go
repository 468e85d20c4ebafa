package daemon

import (
	"sync/atomic"
	"time"
)

// SilenceLimit is how long the loop may be silent before it counts as stuck.
const SilenceLimit = 30 * time.Second

// pulse notes when the loop last beat. It uses the monotonic clock, because the wall clock
// may be set.
type pulse struct {
	started time.Time
	last    atomic.Int64 // nanoseconds since started
}

func (p *pulse) beat() { p.last.Store(int64(time.Since(p.started))) }

func (p *pulse) silent() time.Duration {
	return time.Since(p.started) - time.Duration(p.last.Load())
}
