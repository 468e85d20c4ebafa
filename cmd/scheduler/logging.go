package main

import (
	"context"
	"io"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/token-scheduler/token-scheduler/secret"
)

// newLogger writes one line an event, with times in UTC.
func newLogger(cfg config, level slog.Leveler, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: inUTC}
	handler := func(w io.Writer) slog.Handler {
		if cfg.logJSON {
			return slog.NewJSONHandler(w, opts)
		}
		return slog.NewTextHandler(w, opts)
	}
	if s, ok := w.(*screen); ok && s.w == os.Stderr && onJournal() {
		return slog.New(newPriorities(w, handler))
	}
	return slog.New(handler(w))
}

func onJournal() bool {
	is, err := journal.StderrIsJournalStream()
	return err == nil && is
}

// inUTC writes times in UTC and durations as people read them.
func inUTC(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindTime:
		a.Value = slog.StringValue(a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	default:
	}
	return a
}

// logConfiguration shows what the program was told, secrets redacted.
func (a *app) logConfiguration() {
	cfg := a.cfg
	a.log.Info("token-scheduler starts", "version", version, "name", cfg.name,
		"database_url", withoutPassword(cfg.database.URL.Reveal()), "database_ssl_mode", cfg.database.SSLMode(),
		"redis_url", withoutPassword(cfg.redis.URL), "redis_sentinel_hosts", cfg.redis.SentinelHosts,
		"zync_endpoint", withoutPassword(cfg.zyncEndpoint), "zync_authentication_token", redactedOrNone(cfg.zyncToken),
		"impersonation_admin_username", cfg.impersonation, "push_concurrency", orAuto(cfg.pushConcurrency), "push_rate", cfg.pushRate,
		"verify", cfg.verify, "porta_endpoint", withoutPassword(cfg.portaEndpoint),
		"rotate_schedule", cfg.rotate.String(), "janitor_schedule", cfg.janitor.String(), "timezone", cfg.timezone.String(),
		"token_ttl", cfg.tokenTTL, "shutdown_grace", cfg.shutdownGrace, "listen", cfg.listen,
		"next_rotate", cfg.rotate.Next(a.now()), "next_janitor", cfg.janitor.Next(a.now()))
}

// withoutPassword shows scheme, host and path of a URL, and nothing else of it:
// a password may stand before the host, and secrets in a query.
func withoutPassword(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "[redacted]"
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func orAuto(n int) any {
	if n == 0 {
		return "auto"
	}
	return n
}

func redactedOrNone(secret secret.Text) any {
	if secret.Empty() {
		return "none"
	}
	return secret
}

func oncePer(interval time.Duration) *limiter { return &limiter{interval: interval} }

// limiter says whether a line that repeats is due again.
type limiter struct {
	interval time.Duration
	last     time.Time
}

func (l *limiter) due() bool {
	if now := time.Now(); l.last.IsZero() || now.Sub(l.last) >= l.interval {
		l.last = now
		return true
	}
	return false
}

func (l *limiter) reset() { l.last = time.Time{} }

// quiet drops what a library would print past our logger.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
