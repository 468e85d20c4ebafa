package locks

import (
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
)

// TestArgumentsAreLeftOut: Redis quotes the beginning of them, and may cut a password
// where nobody can recognise it.
func TestArgumentsAreLeftOut(t *testing.T) {
	t.Parallel()
	words := translator{scrub: secret.NewScrubber(secret.New("hunter2 and more"))}
	for text, want := range map[string]string{
		"ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'u' 'hunt": "ERR unknown command 'HELLO'",
		"is hunter2 and more!\r\n": "is [redacted]!  ",
	} {
		if got := words.clean(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
