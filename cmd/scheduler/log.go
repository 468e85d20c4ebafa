package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/journal"
)

// newLogger returns a logger that writes one line for each event, with times in UTC.
func newLogger(asJSON bool, level slog.Leveler, w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: inUTC}
	handler := func(w io.Writer) slog.Handler {
		if asJSON {
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

// inUTC formats times in UTC, and durations as text.
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

// quiet drops what a library prints by itself.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
