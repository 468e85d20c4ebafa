package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// stepAsideAfter is how long a leader's rotations may reach nobody. Then a standby may
	// try, because its clock or network may be better.
	stepAsideAfter = 15 * time.Minute
	// standAside is how many beats a leader that stepped aside waits before it tries to
	// lead again.
	standAside = 30
	// asideGrace is how long work may take to finish when its leader steps aside.
	asideGrace = time.Minute
)

var (
	errAside = errors.New("the daemon stepped aside, and the work did not finish in time")
	errOver  = errors.New("the leadership has ended")
)

// lead schedules until the lease is lost, drain is closed, or the daemon steps aside.
// It gives the lease up after all work has ended.
func (d *Daemon) lead(ctx context.Context, lease tasks.Lease, drain <-chan struct{}) (aside bool) {
	d.o.Log.Info("leading")
	d.become(leads)
	t := newTerm(lease.Context())
	for _, j := range []*job{d.rotate, d.janitor} {
		t.add(j, j.begin(t.ctx, t.drain, d.lastServed(t.ctx, j)))
	}
	t.cron.Start()
	aside = d.watch(ctx, t, drain)
	switch cause := context.Cause(t.ctx); {
	case aside:
		d.o.Log.Warn("rotations have reached nobody for a while; stepping aside so that a standby can try", "for", stepAsideAfter)
	case cause != nil && !closed(drain):
		d.o.Log.Warn("no longer leading; ending what runs", "err", cause)
	}
	d.finish(t, aside)
	d.become(standsBy)
	d.porta.asked = time.Time{} // ask before the next leadership
	if err := lease.Release(); err != nil {
		d.o.Log.Warn("leadership not given up; it runs out by itself", "err", err)
	}
	return aside
}

// watch starts what is due, with each beat, until the term must end. It returns true
// if the daemon should step aside.
func (d *Daemon) watch(ctx context.Context, t *term, drain <-chan struct{}) (aside bool) {
	for {
		// A run that mends or recalls may reach somebody.
		if d.rotate.nobodyFor() > stepAsideAfter && !d.lookout.atWork() && !d.alone.reaches(stepAsideAfter) {
			return true
		}
		if d.Hung() {
			t.cancel(tasks.ErrHung)
			return false
		}
		t.startDue()
		d.gauges.rotatesAlone(!d.rotate.atWork() && d.helpOut(ctx))
		d.lookForLost(t)
		d.askWhose(t)
		beat, cancel := context.WithTimeout(t.ctx, d.o.Beat)
		undrained := d.beatUntil(beat.Done(), drain)
		cancel()
		if !undrained || t.ctx.Err() != nil {
			return false
		}
	}
}

// finish tells the work to end, and beats until it has.
func (d *Daemon) finish(t *term, aside bool) {
	close(t.drain)
	if aside {
		late := time.AfterFunc(asideGrace, func() { t.cancel(errAside) })
		defer late.Stop()
	}
	d.beatUntil(t.ended(), nil)
	t.cancel(errOver)
}

// lastServed returns the start of the last window of a job that needs no run. A
// rotation is always due at the start of a leadership: the ledger knows who was
// served. A purge is due if a firing has passed since its last success. If no success
// is on record, it waits for its next firing.
func (d *Daemon) lastServed(ctx context.Context, j *job) time.Time {
	window := j.Schedule.Window(d.o.Now())
	j.Runner.Metrics.NextRun(j.Task.Name(), window.End)
	last := d.lastComplete(ctx, j)
	if j == d.rotate || (!last.IsZero() && last.Before(window.Start)) {
		return time.Time{}
	}
	return window.Start
}

// term is one leadership: its schedule, and the work that runs in it.
type term struct {
	ctx    context.Context //nolint:containedctx // the lease's; it ends when the lease is lost
	cancel context.CancelCauseFunc
	drain  chan struct{} // closed when work should come to its end
	cron   *cron.Cron
	work   sync.WaitGroup // what was started beside cron
	jobs   []started
}

type started struct {
	*job
	fire cron.Job // runs the job, unless it runs already
}

func newTerm(ctx context.Context) *term {
	t := &term{
		drain: make(chan struct{}),
		cron:  cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cron.DiscardLogger)),
	}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	return t
}

func (t *term) add(j *job, fire cron.Job) {
	t.jobs = append(t.jobs, started{j, fire})
	t.cron.Schedule(j.Schedule, fire)
}

// startDue starts what cron missed, and what is tried again.
func (t *term) startDue() {
	for _, j := range t.jobs {
		if j.due() {
			t.work.Go(j.fire.Run)
		}
	}
}

// ended ends the schedule, and returns a channel that is closed when all work has
// ended.
func (t *term) ended() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-t.cron.Stop().Done()
		t.work.Wait()
	}()
	return ended
}
