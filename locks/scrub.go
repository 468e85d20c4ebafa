package locks

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// maxText is how many characters of a server's text are kept.
	maxText = 300
	// shortSecret is the length up to which a text is too short to be a secret. To
	// remove it would only make an error unreadable.
	shortSecret = 3
	// shortPrefix is how many characters of a secret's beginning are removed, too: a
	// server that repeats a command may cut it.
	shortPrefix = 8
)

// scrubber removes secrets from servers' texts. A server that does not know AUTH or
// HELLO repeats the password in its error. It is safe for concurrent use.
type scrubber struct {
	mu    sync.Mutex
	forms []string // of the secrets, the longest first
}

// know adds secrets.
func (s *scrubber) know(secrets ...secret.Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range secrets {
		raw := text.Reveal()
		if len(raw) < shortSecret || slices.Contains(s.forms, raw) {
			continue
		}
		s.forms = append(s.forms, raw, strings.Trim(strconv.Quote(raw), `"`), strings.NewReplacer("\r", " ", "\n", " ").Replace(raw),
			url.QueryEscape(raw), url.PathEscape(raw))
	}
	slices.SortFunc(s.forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	s.forms = slices.Compact(s.forms)
}

// clean returns a text without secrets, repeated arguments and control characters, cut
// to a length.
func (s *scrubber) clean(text string) string {
	text, _, _ = strings.Cut(text, ", with args beginning with")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, form := range s.forms {
		text = strings.ReplaceAll(text, form, secret.Redacted)
	}
	for _, form := range s.forms {
		for n := len(form) - 1; n >= shortPrefix; n-- {
			text = strings.ReplaceAll(text, form[:n], secret.Redacted)
		}
	}
	return Printable(text)
}

// Printable makes a text from outside printable: on one line, without control
// characters, cut to a length.
func Printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > maxText {
		return string(runes[:maxText]) + "…"
	}
	return text
}
