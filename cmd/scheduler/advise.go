package main

import (
	"cmp"
	"errors"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
)

// advised is an error that also says what to do about it.
type advised struct {
	error
	advice string
}

// Error implements error.
func (a advised) Error() string { return a.error.Error() + "; what to do: " + a.advice }

// Unwrap returns the error without the advice.
func (a advised) Unwrap() error { return a.error }

// advise adds to an error of MySQL or Redis what to do about it, once. It returns any other
// error as it is.
func advise(err error) error {
	if _, already := errors.AsType[advised](err); already || err == nil {
		return err
	}
	advice := db.AdviceOnAnswer(err)
	if _, redis := errors.AsType[*locks.Error](err); redis {
		advice = cmp.Or(advice, locks.Advice(err))
	}
	if advice == "" {
		return err
	}
	return advised{err, advice}
}

// printable returns an error as it may be printed, and says what to do about it.
func (p parts) printable(err error) error {
	if p.cleanError != nil {
		err = p.cleanError(err)
	}
	return advise(err)
}
