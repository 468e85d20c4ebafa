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
	// digestScheme goes before the hex of the digest in access_tokens.value.
	digestScheme = "SHA384$"
)

// token is a sync token between its mint and the end of its delivery.
type token struct {
	planned
	plaintext secret.Text
	digest    secret.Text

	canary bool // the run's first, to be tried on Porta before it is pushed
	tries  int
	born   time.Time
	limit  time.Duration // how long this push is waited for; zero is as long as any
	// sent is set once a push may have reached Zync: from then on Zync may hold
	// the token, whatever a later answer says, and it must not be deleted.
	sent      bool
	slow      bool      // its last push ran into the time-out
	firstFail time.Time // when its first push failed for the moment
	notBefore time.Time // when it may be pushed again
	lastErr   error
}

// newToken draws a token for a tenant: 48 random bytes, of which Porta stores
// the SHA-384 of their hexadecimal form.
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
