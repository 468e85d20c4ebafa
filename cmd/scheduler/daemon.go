package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/robfig/cron/v3"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// beatEvery is how often the daemon looks whether something is to be done: as a
// standby for the leadership, as the leader for what cron missed.
const beatEvery = time.Second

// daemon leads or stands by.
type daemon struct {
	leaders  tasks.Leases // for the leadership, not for runs
	jobs     []*job
	missed   func(ctx context.Context, j *job) time.Time
	stop     *stopping
	location *time.Location
	log      *slog.Logger
	leader   prometheus.Gauge
	lastBeat atomic.Int64 // nanoseconds since started
	started  time.Time
}

// daemon runs until it is told to stop.
func (a *app) daemon(stop *stopping) int {
	d := a.newDaemon(stop)
	shutdown, err := a.serve(d)
	if err != nil {
		a.log.Error("no listener; choose another --listen (LISTEN_ADDRESS)", "err", err)
		return exitUsage
	}
	defer shutdown()
	a.logConfiguration()
	d.run()
	a.log.Info("token-scheduler has stopped")
	return exitDone
}

func (a *app) newDaemon(stop *stopping) *daemon {
	d := &daemon{
		leaders: leases{a.locker}, stop: stop, location: a.cfg.timezone, log: a.log, started: time.Now(),
		jobs: []*job{
			newJob(a, a.rotate, a.cfg.rotate, stop.drain),
			newJob(a, a.janitor, a.cfg.janitor, stop.drain),
		},
		missed: a.lastServed,
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_leader", Help: "1 while this process leads, 0 while it stands by.",
		}),
	}
	a.registry.MustRegister(d.leader)
	return d
}

// lastServed returns the start of the last window of a job that needs no run. A
// rotation is always due at the start of a leadership: the ledger knows who was
// served. A purge is due where a firing has passed since its last success; where
// none is on record, it waits for its next firing.
func (a *app) lastServed(ctx context.Context, j *job) time.Time {
	window := j.schedule.Window(a.now())
	last, err := a.ledger.LastSuccess(ctx, j.task.Name())
	if err != nil {
		a.log.Warn("last success not known", "task", j.task.Name(), "err", err)
	}
	if !last.IsZero() {
		a.runner.Metrics.KnownSuccess(j.task.Name(), last)
	}
	a.runner.Metrics.NextRun(j.task.Name(), window.End)
	if j.task.Name() == tasks.Rotate || (!last.IsZero() && last.Before(window.Start)) {
		return time.Time{}
	}
	return window.Start
}

// run leads or stands by until the program is told to stop.
func (d *daemon) run() {
	standing, away := oncePer(time.Hour), oncePer(time.Minute)
	for wait := time.Duration(0); d.stop.sleep(wait); wait = beatEvery/2 + rand.N(beatEvery) {
		d.beat()
		lease, err := d.leaders.Acquire(d.stop.ctx, "leader")
		switch {
		case err == nil:
			d.lead(lease)
			standing.reset()
			away.reset()
		case errors.Is(err, locks.ErrHeld):
			if standing.due() {
				d.log.Info("standing by: another process leads")
			}
		case away.due():
			d.log.Warn("Redis is away, nobody can be elected; trying again each second", "err", err)
		}
	}
}

// lead schedules until the lease is lost or the program is told to stop, and
// gives the leadership up when all work has ended.
func (d *daemon) lead(lease tasks.Lease) {
	d.log.Info("leading")
	d.leader.Set(1)
	ctx := lease.Context()
	var work sync.WaitGroup
	scheduler := cron.New(cron.WithLocation(d.location), cron.WithLogger(cron.DiscardLogger))
	for _, j := range d.jobs {
		j.lead(ctx, d.missed(ctx, j))
		scheduler.Schedule(j.schedule, j.fire)
	}
	scheduler.Start()
	for on := true; on; on = d.wait(ctx) {
		d.beat()
		for _, j := range d.jobs {
			if j.due() {
				work.Go(j.fire.Run)
			}
		}
	}
	if err := context.Cause(ctx); err != nil && !d.stop.draining() {
		d.log.Warn("no longer leading; ending what runs", "err", err)
	}
	<-scheduler.Stop().Done()
	work.Wait()
	d.leader.Set(0)
	if err := lease.Release(); err != nil {
		d.log.Warn("leadership not given up; it runs out by itself", "err", err)
	}
}

// wait sleeps for a beat, and tells whether the leadership goes on.
func (d *daemon) wait(ctx context.Context) bool {
	timer := time.NewTimer(beatEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-d.stop.drain:
		return false
	case <-timer.C:
		return true
	}
}

func (d *daemon) beat() { d.lastBeat.Store(int64(time.Since(d.started))) }

// silent is how long ago the loop last beat.
func (d *daemon) silent() time.Duration {
	return time.Since(d.started) - time.Duration(d.lastBeat.Load())
}
