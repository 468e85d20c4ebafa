package locks

import (
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
)

func TestScrub(t *testing.T) {
	t.Parallel()
	const password = "hunter2 &\"\nand more"
	var s scrubber
	s.know(secret.New(password), secret.New("ab"), secret.Text{})
	for text, want := range map[string]string{
		"about":                         "about",
		"is " + password + "!":          "is [redacted]!",
		`is hunter2 &\"\nand more!`:     "is [redacted]!",
		"is hunter2 &\" and more!":      "is [redacted]!",
		"is hunter2+%26%22%0Aand+more!": "is [redacted]!",
		"cut: hunter2 &":                "cut: [redacted]",
		"a\x1b[31m\tb\r\nc\u202e":       "a[31m b  c",
		"ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'hunt": "ERR unknown command 'HELLO'",
		strings.Repeat("ä", 2*maxText):                                                strings.Repeat("ä", maxText) + "…",
	} {
		if got := s.clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
