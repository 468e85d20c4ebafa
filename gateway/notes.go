package gateway

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// noteEvery is how often one reason is logged at most.
const noteEvery = time.Minute

// maxNoted bounds a text of a request's in a log line.
const maxNoted = 128

// notes logs why Zync did not get what it asked for, one line a minute for each reason.
type notes struct {
	log  *slog.Logger
	seen map[reason]*rate.Sometimes
}

func newNotes(log *slog.Logger) *notes {
	n := &notes{log: log, seen: map[reason]*rate.Sometimes{}}
	for _, why := range reasons() {
		n.seen[why] = &rate.Sometimes{Interval: noteEvery}
	}
	return n
}

// take logs a request that ended with a reason, where its line is due.
func (n *notes) take(a asked, out reply) {
	if out.reason == "" {
		return
	}
	n.seen[out.reason].Do(func() { n.write(a, out) })
}

func (n *notes) write(a asked, out reply) {
	attrs := []slog.Attr{
		slog.String("reason", string(out.reason)), slog.Int("status", out.status),
		slog.String("request_id", a.id[:min(len(a.id), maxNoted)]),
	}
	if out.held != nil {
		attrs = append(attrs, slog.Int64("tenant_id", out.held.tenantID), slog.String("state", out.held.state))
	} else if a.host != "" {
		attrs = append(attrs, slog.String("host", a.host))
	}
	if out.answer.status != 0 {
		attrs = append(attrs, slog.Int("porta_status", out.answer.status))
	}
	if out.err != nil {
		attrs = append(attrs, slog.Any("err", out.err))
	}
	level := slog.LevelWarn
	if out.outcome == gone {
		level = slog.LevelInfo
	}
	n.log.LogAttrs(context.Background(), level, "gateway answered; such lines come once a minute for each reason", attrs...)
}
