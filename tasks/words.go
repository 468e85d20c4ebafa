package tasks

import (
	"context"
	"strings"
)

// plain is an error whose text says what happened in an operator's words.
type plain struct {
	error
	text string
}

// Error implements error.
func (p plain) Error() string { return p.text }

// Unwrap returns the error as it was.
func (p plain) Unwrap() error { return p.error }

// InPlainWords returns an error that calls a deadline that has passed a time-out.
// "context deadline exceeded" is Go's word for it, and many libraries repeat it.
func InPlainWords(err error) error {
	if err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		return err
	}
	return plain{err, strings.ReplaceAll(err.Error(), context.DeadlineExceeded.Error(), "no answer in time (time-out)")}
}
