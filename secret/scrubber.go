package secret

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	// maxText is how many bytes of a text from outside are printed.
	maxText = 2000
	// shortest is the least number of bytes of a secret. Anything shorter stands in
	// every text, and taking it out would only tell what it is.
	shortest = 3
	// cutShort is how much of a longer secret must stand in a text to be found, where
	// a server quotes only the beginning of what it was sent.
	cutShort = 12
)

// Scrubber takes secrets out of texts that come from outside: a Redis that does not
// know AUTH quotes the password in its error. It is safe for concurrent use. A nil
// Scrubber knows no secret.
type Scrubber struct {
	mu    sync.RWMutex
	forms []string // in which a secret may stand in a text
}

// NewScrubber returns a scrubber that knows the secrets.
func NewScrubber(secrets ...Text) *Scrubber {
	s := &Scrubber{}
	s.Know(secrets...)
	return s
}

// Know adds secrets. Earlier ones stay known: a server may still quote them.
func (s *Scrubber) Know(secrets ...Text) {
	s.mu.Lock()
	defer s.mu.Unlock()
	forms := slices.Clone(s.forms)
	for _, text := range secrets {
		if len(text.value) >= shortest && !slices.Contains(s.forms, text.value) {
			forms = append(forms, formsOf(text.value)...)
		}
	}
	slices.Sort(forms)
	s.forms = slices.Compact(forms)
}

// Clean returns a text as it may be printed: on one line, without secrets and control
// characters, and cut to 2,000 bytes.
func (s *Scrubber) Clean(text string) string {
	text = s.Mask(text)
	if strings.ContainsFunc(text, unprintable) || !utf8.ValidString(text) {
		text = s.Mask(printable(text)) // what was between its parts may be gone
	}
	return cut(text)
}

// Printable returns a text from outside as it may be printed, if no secret can be in it;
// see [Scrubber.Clean].
func Printable(text string) string {
	var none *Scrubber
	return none.Clean(text)
}

// Mask returns a text without secrets, and otherwise as it is.
func (s *Scrubber) Mask(text string) string {
	found := s.find(text)
	if len(found) == 0 {
		return text
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var masked strings.Builder
	end := 0
	for _, f := range found {
		if f.from >= end {
			masked.WriteString(text[end:f.from])
			masked.WriteString(Redacted)
		}
		end = max(end, f.to)
	}
	masked.WriteString(text[end:])
	return masked.String()
}

// Error returns an error that prints as [Scrubber.Clean] returns its text; it still
// wraps err. It returns nil for nil.
func (s *Scrubber) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := s.Clean(text)
	if clean == text {
		return err
	}
	return &scrubbed{text: clean, err: err}
}

type scrubbed struct {
	text string
	err  error
}

// Error implements error.
func (e *scrubbed) Error() string { return e.text }

// Unwrap returns the error that was scrubbed. Print e, not this one.
func (e *scrubbed) Unwrap() error { return e.err }

// span is where a secret stands in a text.
type span struct{ from, to int }

// find returns all places of secrets. They may overlap.
func (s *Scrubber) find(text string) (found []span) {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, form := range s.forms {
		begin := form[:min(len(form), cutShort)]
		for at := 0; ; at++ {
			next := strings.Index(text[at:], begin)
			if next < 0 {
				break
			}
			at += next
			found = append(found, span{at, at + common(text[at:], form)})
		}
	}
	return found
}

// common returns how long the beginning is that two texts share.
func common(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// printable makes a blank of each line break and tab, and leaves out what else can't
// be printed.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case unprintable(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
