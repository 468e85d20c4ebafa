// Package secret holds text that must never be printed: plaintext tokens, digests,
// passwords, and URLs that contain one.
//
// Every room of the program may use it, and it uses none of them. A [Text] prints
// as "[redacted]" through fmt, log/slog and encoding/json.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted is printed in place of a secret.
const Redacted = "[redacted]"

// Text is a credential. Printing it prints "[redacted]". [Text.Reveal] is the only
// way to the value, so a search for its callers finds every use.
type Text struct{ value string }

// New wraps value.
func New(value string) Text { return Text{value: value} }

// Reveal returns the value, for the one call that must have it.
func (s Text) Reveal() string { return s.value }

// Empty tells whether there is no value.
func (s Text) Empty() bool { return s.value == "" }

// String implements [fmt.Stringer].
func (Text) String() string { return Redacted }

// GoString implements [fmt.GoStringer].
func (Text) GoString() string { return Redacted }

// Format implements [fmt.Formatter], so that no verb reaches the value.
func (Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue implements [slog.LogValuer].
func (Text) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (Text) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
