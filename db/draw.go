package db

import (
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// tokenBytes is the length of the random part. The plaintext has twice as many
	// hexadecimal digits.
	tokenBytes = 48
	// digestScheme goes before the hex of the digest in access_tokens.value.
	digestScheme = "SHA384$"
)

// DrawToken returns the plaintext of a new sync token: 48 bytes from the operating
// system's random source, in hexadecimal.
func DrawToken() secret.Text {
	var raw [tokenBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: it ends the process first
	return secret.New(hex.EncodeToString(raw[:]))
}

// Digest returns what Porta stores for a plaintext, with the scheme.
func Digest(plaintext secret.Text) secret.Text {
	sum := sha512.Sum384([]byte(plaintext.Reveal()))
	return secret.New(digestScheme + hex.EncodeToString(sum[:]))
}
