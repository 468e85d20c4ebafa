package locks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/secret"
)

var (
	// ErrHeld means that another process holds the lease. No other failure counts as
	// that. Every such error is a [HeldError].
	ErrHeld = errors.New("held by another process")
	// ErrStuck means that the value at the lease's key is not a lease: it never
	// expires, expires far too late, or is of another type. It now expires soon, and
	// then the lease can be taken.
	ErrStuck = errors.New("not a lease")
	// ErrLost is the cause with which a lease's context ends if the lease is lost or
	// can no longer be trusted.
	ErrLost = errors.New("lost the lease")
)

// HeldError is [ErrHeld] with the holder's description of itself.
type HeldError struct{ Holder string }

// Error implements error. It does not print the holder: only the caller knows its
// format.
func (*HeldError) Error() string { return ErrHeld.Error() }

// Is makes it an [ErrHeld].
func (*HeldError) Is(target error) bool { return target == ErrHeld }

// Error is a failure of Redis, of a Sentinel or of the network. It has no secret in it,
// and is one line that may be printed. Besides it, a client of [Open] returns only
// [redis.Nil], which means that a key does not exist.
type Error struct {
	Kind Kind
	text string
	is   error // what errors.Is and errors.As find
}

// Error implements error.
func (e *Error) Error() string { return e.text }

// Unwrap returns a context's error, or the server's reply.
func (e *Error) Unwrap() error { return e.is }

// reply is a server's error, without secrets.
type reply string

// Error implements error.
func (r reply) Error() string { return string(r) }

// RedisError implements [redis.Error].
func (reply) RedisError() {}

// translator makes an [Error] from each error of the library.
type translator struct {
	scrub  *secret.Scrubber
	dials  dialErrors
	master string // the name that the Sentinels are asked for; empty without
	tls    bool
}

// isNil tells whether an error is Redis's own "no such key". An error that wraps it
// comes from a Sentinel that does not know the master, or from a handshake.
func isNil(err error) bool { return err == redis.Nil } //nolint:errorlint // wrapped, it means something else

// translate returns an error that may leave the package.
func (t *translator) translate(err error) error {
	var known *Error
	switch {
	case err == nil || isNil(err):
		return err
	case errors.As(err, &known):
		return known
	case errors.Is(err, redis.Nil):
		return t.unknownMaster()
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer in time"
		if dial := t.dials.latest(); dial != nil {
			text += "; last try to connect: " + dial.Error()
		}
	}
	e := &Error{Kind: t.classify(text), text: t.clean(text)}
	_, answered := errors.AsType[redis.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.is = context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		e.is = context.Canceled
	case answered:
		e.is = reply(e.text)
	}
	return e
}

// clean returns a text without secrets. Redis also quotes the beginning of a command's
// arguments, where a secret may be cut short, so these are left out.
func (t *translator) clean(text string) string {
	text, _, _ = strings.Cut(text, ", with args beginning with")
	return t.scrub.Clean(text)
}

func (t *translator) classify(text string) Kind {
	kind := classify(text)
	if kind == TimedOut && t.tls {
		return TimedOutTLS
	}
	return kind
}

func (t *translator) unknownMaster() error {
	return &Error{Kind: UnknownMaster, text: fmt.Sprintf("the Sentinels know no master named %q", t.clean(t.master))}
}

// refused returns the error of a command that opens a connection. It keeps only the
// first word of the server's text, and only if that is a code. The rest may repeat the
// password in any form.
func (t *translator) refused(command string, err error) error {
	if _, is := errors.AsType[redis.Error](err); !is {
		return t.translate(err) // an error of the network has no password in it
	}
	kind := classify(err.Error())
	if kind == Other {
		kind = Wrong // Redis gives no such error for this command
	}
	code, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "-"), " ")
	if strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		code = "an error of its own"
	}
	text := t.clean(fmt.Sprintf("%s is refused: %s", strings.ToUpper(command), code))
	return &Error{Kind: kind, text: text, is: reply(text)}
}
