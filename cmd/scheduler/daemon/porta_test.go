package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// counting is a task that counts its runs.
type counting struct {
	name string
	runs *atomic.Int64
}

func (c counting) Name() string        { return c.name }
func (counting) Nothing() tasks.Result { return tasks.Result{} }
func (c counting) Run(context.Context, tasks.Run) (tasks.Result, error) {
	c.runs.Add(1)
	return tasks.Result{Done: 1, Complete: true}, nil
}

// failing are leases of a Redis that does not answer while there is an error.
type failing struct{ err *atomic.Pointer[error] }

func (f failing) Acquire(ctx context.Context, name string) (tasks.Lease, error) {
	if err := f.err.Load(); err != nil {
		return nil, *err
	}
	return tasks.NoLeases{}.Acquire(ctx, name)
}

// TestNothingRunsForAnotherPorta: neither with Redis nor while it is away. Afterwards the
// daemon leads within seconds. A leader whose Porta has lost the keys ends its
// leadership.
func TestNothingRunsForAnotherPorta(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var answer, away atomic.Pointer[error]
		other := fmt.Errorf("%w: x", tasks.ErrOtherPorta)
		d := newTestDaemon(t, counting{tasks.Rotate, &runs}, counting{tasks.Janitor, &runs})
		d.o.Leases, d.o.Beat = failing{&away}, 10*time.Second
		d.o.Owns = func(context.Context) error {
			if err := away.Load(); err != nil {
				return *err
			}
			if err := answer.Load(); err != nil {
				return *err
			}
			return nil
		}
		answer.Store(&other)
		drain, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			d.Run(t.Context(), drain)
		}()
		is := func(when, role string, least, most int64) {
			t.Helper()
			if n := runs.Load(); d.Role() != role || n < least || n > most {
				t.Errorf("%s: %s after %d runs, want %s after %d to %d", when, d.Role(), n, role, least, most)
			}
		}
		time.Sleep(3 * time.Hour)
		is("another's", OtherPorta, 0, 0)
		gone := errors.New("Redis is away")
		away.Store(&gone)
		time.Sleep(48 * time.Hour)
		is("Redis away", OtherPorta, 0, 0)
		if d.Owns() {
			t.Error("the keys are said to be ours")
		}
		away.Store(nil)
		answer.Store(nil)
		time.Sleep(askWhoseAgain + 2*d.o.Beat)
		is("ours", leads, 1, 2)
		answer.Store(&other)
		time.Sleep(askWhoseEvery + 3*d.o.Beat)
		is("taken over by another", OtherPorta, 1, 2)
		time.Sleep(48 * time.Hour)
		is("two days later", OtherPorta, 1, 2)
		close(drain)
		<-ended
	})
}

// TestWhoDoesNotKnowItsPortaDoesNotLead: MySQL has not answered yet.
func TestWhoDoesNotKnowItsPortaDoesNotLead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var known atomic.Bool
		d := newTestDaemon(t, counting{tasks.Rotate, &runs}, counting{tasks.Janitor, &runs})
		d.o.Owns = func(context.Context) error {
			if !known.Load() {
				return tasks.ErrPortaUnknown
			}
			return nil
		}
		drain, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			d.Run(t.Context(), drain)
		}()
		time.Sleep(time.Hour)
		if d.Role() != standsBy || d.Owns() || runs.Load() > 0 {
			t.Errorf("%s, owns %t, %d runs", d.Role(), d.Owns(), runs.Load())
		}
		if line := d.statusLine(); !strings.HasPrefix(line, "MySQL does not answer, not leading;") {
			t.Errorf("status line %q", line)
		}
		known.Store(true)
		time.Sleep(3 * Beat)
		if d.Role() != leads || !d.Owns() || strings.Contains(d.statusLine(), "MySQL") {
			t.Errorf("%s, owns %t, status line %q", d.Role(), d.Owns(), d.statusLine())
		}
		close(drain)
		<-ended
	})
}
