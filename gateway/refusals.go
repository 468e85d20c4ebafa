package gateway

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// logEvery is how often one reason is logged at most.
const logEvery = time.Minute

// maxLogged limits the length of a request's text in a log line.
const maxLogged = 128

// refusals logs why Zync did not get what it asked for, one line a minute for each reason.
type refusals struct {
	to   *slog.Logger
	seen map[reason]*rate.Sometimes
}

func newRefusals(to *slog.Logger) *refusals {
	r := &refusals{to: to, seen: map[reason]*rate.Sometimes{}}
	for _, why := range reasons() {
		r.seen[why] = &rate.Sometimes{Interval: logEvery}
	}
	return r
}

// log logs a request that ended with a reason, at most once a minute for each reason.
func (r *refusals) log(a asked, out reply) {
	if out.reason != "" {
		r.seen[out.reason].Do(func() { r.write(a, out) })
	}
}

// write logs a request: its tenant, the reason, and what Porta or MySQL said. It logs the
// host only if no tenant is known, and who asked only if it may not be Zync.
func (r *refusals) write(a asked, out reply) {
	attrs := []slog.Attr{
		slog.String("reason", string(out.reason)), slog.Int("status", out.status),
		slog.String("request_id", a.id[:min(len(a.id), maxLogged)]),
	}
	if out.held != nil {
		attrs = append(attrs, slog.Int64("tenant_id", out.held.tenantID), slog.String("state", out.held.state))
	} else if a.host != "" {
		attrs = append(attrs, slog.String("host", a.host))
	}
	if out.held == nil && out.answer.status == 0 {
		attrs = append(attrs, slog.String("remote", a.remote))
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
	r.to.LogAttrs(context.Background(), level, "Zync did not get what it asked the gateway for", attrs...)
}
