package rotate

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// tokenBytes of randomness make a plaintext of twice as many hex digits.
	tokenBytes = 48
	// digestScheme stands before the hex digest in access_tokens.value.
	digestScheme = "SHA384$"
)

// token is a sync token between its mint and its delivery.
type token struct {
	planned
	plaintext secret.Text
	digest    secret.Text

	born  time.Time // by the monotonic clock
	epoch int       // of the writer under which the token was last seen in MySQL; zero for an earlier run's

	placeholder bool // no token: it has no digest, and is not in MySQL

	// sent is true once a push may have reached Zync. From then on Zync may hold
	// the token, whatever a later answer says, and it must not be deleted.
	sent bool
	// repeat is true for a tenant that failed in an earlier run. Its failures say
	// nothing about Zync.
	repeat bool
	// confirm is true if the token is delivered and is pushed once more, before
	// the tenant's younger tokens may be revoked.
	confirm bool

	slow      bool // its last push was given up without an answer
	tries     int
	limit     time.Duration // of the push at work; zero is the client's own time-out
	firstFail time.Time
	notBefore time.Time // of the next push
	reason    string    // of the last failure
}

// newToken draws a token for a tenant: 48 random bytes. Porta stores the SHA-384 of
// their hexadecimal form.
func newToken(p planned) *token {
	var raw [tokenBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the process first
	plaintext := hex.EncodeToString(raw[:])
	digest := sha512.Sum384([]byte(plaintext))
	return &token{
		planned:   p,
		born:      time.Now(),
		plaintext: secret.New(plaintext),
		digest:    secret.New(digestScheme + hex.EncodeToString(digest[:])),
	}
}

// triedAgain is true for a push whose failure says nothing about Zync.
func (t *token) triedAgain() bool { return t.repeat || t.confirm || t.tries > 0 }

// forgiveTries resets a token's tries, except the first one: a token has only one first try,
// which counts for or against Zync.
func (t *token) forgiveTries() {
	t.tries = min(t.tries, 1)
	if t.repeat {
		t.tries = 0
	}
}
