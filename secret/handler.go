package secret

import (
	"context"
	"log/slog"
)

// Handler returns a handler that cleans the message, and the texts and errors among
// the attributes, before it hands a record to next.
func (s *Scrubber) Handler(next slog.Handler) slog.Handler { return handler{s, next} }

type handler struct {
	scrubber *Scrubber
	next     slog.Handler
}

// Enabled implements [slog.Handler].
func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, h.scrubber.Clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.scrubber.attr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.scrubber, h.next.WithAttrs(h.scrubber.attrs(attrs))}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.scrubber, h.next.WithGroup(name)}
}

func (s *Scrubber) attrs(attrs []slog.Attr) []slog.Attr {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = s.attr(a)
	}
	return clean
}

func (s *Scrubber) attr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, s.Clean(value.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(s.attrs(value.Group())...)}
	case slog.KindAny:
		return slog.Any(a.Key, s.any(value.Any()))
	default: // numbers and times hold no text
		return slog.Attr{Key: a.Key, Value: value}
	}
}

func (s *Scrubber) any(value any) any {
	switch value := value.(type) {
	case error:
		return s.Clean(value.Error())
	case []string:
		clean := make([]string, len(value))
		for i, text := range value {
			clean[i] = s.Clean(text)
		}
		return clean
	}
	return value
}
