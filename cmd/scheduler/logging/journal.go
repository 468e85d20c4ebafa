package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/coreos/go-systemd/v22/journal"
)

// IsJournal tells whether standard error is systemd's journal.
func IsJournal() bool {
	is, err := journal.StderrIsJournalStream()
	return err == nil && is
}

// priorities writes lines for systemd's journal, which reads a line's priority from
// a number in angle brackets before it.
type priorities struct {
	slog.Handler // for levels that have no priority
	levels       map[slog.Level]slog.Handler
}

// ForJournal returns a handler that gives each line its priority. handler makes one that
// formats lines.
func ForJournal(w io.Writer, handler func(io.Writer) slog.Handler) slog.Handler {
	p := priorities{Handler: handler(w), levels: map[slog.Level]slog.Handler{}}
	for level, priority := range map[slog.Level]journal.Priority{
		slog.LevelDebug: journal.PriDebug, slog.LevelInfo: journal.PriInfo,
		slog.LevelWarn: journal.PriWarning, slog.LevelError: journal.PriErr,
	} {
		p.levels[level] = handler(prefixed{w, fmt.Appendf(nil, "<%d>", priority)})
	}
	return p
}

// Handle implements [slog.Handler].
func (p priorities) Handle(ctx context.Context, r slog.Record) error {
	if h, known := p.levels[r.Level]; known {
		return h.Handle(ctx, r)
	}
	return p.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (p priorities) WithAttrs(attrs []slog.Attr) slog.Handler {
	return p.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (p priorities) WithGroup(name string) slog.Handler {
	return p.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (p priorities) each(change func(slog.Handler) slog.Handler) priorities {
	changed := priorities{Handler: change(p.Handler), levels: map[slog.Level]slog.Handler{}}
	for level, h := range p.levels {
		changed.levels[level] = change(h)
	}
	return changed
}

// prefixed writes a text before each line. A handler writes one line at a time.
type prefixed struct {
	w      io.Writer
	prefix []byte
}

// Write implements [io.Writer].
func (p prefixed) Write(line []byte) (int, error) {
	if _, err := p.w.Write(slices.Concat(p.prefix, line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
