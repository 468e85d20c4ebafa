package listen

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

const (
	// reportEvery is the time between two reports, after the first reportBurst.
	reportEvery = 10 * time.Second
	reportBurst = 5
	// reportBytes is the largest report. A panic's stack is cut there.
	reportBytes = 2 << 10
)

// reports logs what net/http and the listener report about clients. Clients could fill the
// log, so only a few reports are logged. Each says how many were left out before it.
type reports struct {
	log     *slog.Logger
	allowed *rate.Limiter
	left    atomic.Int64
}

func newReports(log *slog.Logger) *reports {
	return &reports{log: log, allowed: rate.NewLimiter(rate.Every(reportEvery), reportBurst)}
}

// Write implements [io.Writer] for a [log.Logger], which calls it once a report.
func (r *reports) Write(p []byte) (int, error) {
	r.say(strings.TrimSpace(string(p[:min(len(p), reportBytes)])))
	return len(p), nil
}

func (r *reports) say(what string) {
	if !r.allowed.Allow() {
		r.left.Add(1)
		return
	}
	r.log.Warn("HTTP client caused an error", "err", what, "left_out", r.left.Swap(0))
}
