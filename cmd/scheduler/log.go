package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/logging"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// closeLog is how long the program waits at its end for the log's reader.
const closeLog = 2 * time.Second

// startLog starts the log: one line for each event, without secrets, and never in the
// way of the work.
func startLog(asJSON bool, level slog.Leveler, scrub *secret.Scrubber, s *screen) *logging.Queue {
	onJournal := s.w == os.Stderr && logging.IsJournal()
	return logging.Start(logging.Options{Out: s, Handler: func(w io.Writer) slog.Handler {
		if onJournal {
			return scrub.Handler(logging.ForJournal(w, func(w io.Writer) slog.Handler { return newFormat(asJSON, level, w) }))
		}
		return scrub.Handler(newFormat(asJSON, level, w))
	}})
}

// newFormat returns what formats lines, with times in UTC.
func newFormat(asJSON bool, level slog.Leveler, w io.Writer) slog.Handler {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: inUTC}
	if asJSON {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

// inUTC writes times in UTC, and durations and errors as people read them.
func inUTC(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindTime:
		a.Value = slog.StringValue(a.Value.Time().UTC().Format("2006-01-02T15:04:05.000Z"))
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	case slog.KindAny:
		if err, is := a.Value.Any().(error); is && err != nil {
			a.Value = slog.AnyValue(tasks.InPlainWords(err))
		}
	default:
	}
	return a
}

// quiet drops what a library would print past our logger.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
