package daemon

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// askWhoseEvery is how often a daemon asks which Porta owns leases and ledger.
	askWhoseEvery = time.Minute
	// askWhoseAgain is the same while another Porta owns them.
	askWhoseAgain = 10 * time.Second
)

// porta is what a daemon knows about the Porta that owns leases and ledger.
type porta struct {
	asked time.Time // zero if it must be asked anew
	err   error     // the answer
	other error     // a [tasks.ErrOtherPorta] until the keys are ours, whatever fails since
	ours  atomic.Bool
	// unknown is true while MySQL has not said which Porta this is.
	unknown atomic.Bool
	said    *rate.Sometimes
}

// Owns is true once leases and ledger are known to be this Porta's. It is safe for
// concurrent use.
func (d *Daemon) Owns() bool { return d.porta.ours.Load() }

// takeLead takes the leader's lease, unless leases and ledger are another Porta's. It
// asks again when it has the lease: another Porta may just have taken over.
func (d *Daemon) takeLead(ctx context.Context) (tasks.Lease, error) {
	if err := d.whose(ctx); err != nil {
		return nil, err
	}
	lease, err := d.o.Leases.Acquire(ctx, "leader")
	if err != nil {
		return nil, err
	}
	d.porta.asked = time.Time{}
	if err := d.whose(ctx); err != nil {
		return nil, errors.Join(err, lease.Release())
	}
	return lease, nil
}

// whose returns the error of [Options.Owns], which it keeps for a short time.
func (d *Daemon) whose(ctx context.Context) error {
	if d.o.Owns == nil {
		d.porta.ours.Store(true)
		return nil
	}
	p := &d.porta
	valid := time.Duration(0) // of servers that do not answer
	switch {
	case p.err == nil:
		valid = askWhoseEvery
	case errors.Is(p.err, tasks.ErrOtherPorta):
		valid = askWhoseAgain
	}
	if !p.asked.IsZero() && time.Since(p.asked) < valid {
		return p.err
	}
	p.err = d.o.Owns(ctx)
	p.asked = time.Now()
	p.unknown.Store(errors.Is(p.err, tasks.ErrPortaUnknown))
	switch {
	case errors.Is(p.err, tasks.ErrOtherPorta):
		p.other = p.err
		p.ours.Store(false)
	case p.err == nil && p.other != nil:
		d.o.Log.Info("leases and ledger are this Porta's now")
		d.become(standsBy)
		p.other, p.said = nil, eachMinute()
	}
	if p.err == nil {
		p.ours.Store(true)
	}
	return p.err
}

// refuse logs why the daemon does nothing. An operator must give one of the two schedulers
// another name, or take over. Until then this Porta is not served, also while Redis is
// away: if it is a copy, its tokens must not replace those of the other one.
func (d *Daemon) refuse() {
	d.become(OtherPorta)
	d.porta.said.Do(func() {
		d.o.Log.Error("nothing is rotated or purged; asking again whose the keys are", "err", d.porta.other)
	})
}

// awaitMySQL does nothing until MySQL has said which Porta this is. A process that leads
// without knowing might keep another Porta's scheduler out.
func (d *Daemon) awaitMySQL(err error) {
	d.become(standsBy)
	d.porta.said.Do(func() { d.o.Log.Warn("not leading until MySQL answers; asking again", "err", err) })
}

// askWhose ends a leadership whose leases and ledger another Porta has taken over. It
// asks beside the loop.
func (d *Daemon) askWhose(t *term) {
	if d.o.Owns == nil || time.Since(d.porta.asked) < askWhoseEvery {
		return
	}
	d.porta.asked = time.Now()
	t.work.Go(func() {
		if err := d.o.Owns(t.ctx); errors.Is(err, tasks.ErrOtherPorta) {
			t.cancel(err)
		}
	})
}
