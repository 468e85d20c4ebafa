package listen

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// reportEvery is how often a report may come, after the first few.
	reportEvery = 10 * time.Second
	reportBurst = 5
	// reportBytes is what a report may hold: the beginning of a panic's stack.
	reportBytes = 2 << 10
)

// reports are what net/http and the listener have to say. Clients cause them, so
// few are logged; each says how many were left out before it.
type reports struct {
	log     *slog.Logger
	allowed *rate.Limiter
	left    atomic.Int64
}

func newReports(log *slog.Logger) *reports {
	return &reports{log: log, allowed: rate.NewLimiter(rate.Every(reportEvery), reportBurst)}
}

// Write implements [io.Writer] for a [log.Logger], which writes a report at a time.
func (r *reports) Write(p []byte) (int, error) {
	r.say(strings.TrimSpace(string(p[:min(len(p), reportBytes)])))
	return len(p), nil
}

func (r *reports) say(what string) {
	if !r.allowed.Allow() {
		r.left.Add(1)
		return
	}
	r.log.Warn("the HTTP listener has trouble with a client", "err", what, "left_out", r.left.Swap(0))
}
