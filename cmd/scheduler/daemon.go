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

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// beatEvery is how often the daemon looks whether something is to be done: as
	// a standby for the leadership, as the leader for what cron missed.
	beatEvery = time.Second
	// stepAsideAfter is for how long a leader's every rotation may fail before it
	// lets a standby try, whose clock or network may be better.
	stepAsideAfter = 15 * time.Minute
)

// record is what any process has recorded of the tasks' runs.
type record interface {
	Tasks(ctx context.Context, names ...string) (map[string]ledger.Task, error)
}

// daemon leads or stands by.
type daemon struct {
	leaders  tasks.Leases // for the leadership, not for runs
	rotate   *job
	janitor  *job
	alone    *job // a rotation that needs no Redis
	record   record
	stop     *stopping
	location *time.Location
	log      *slog.Logger
	now      func() time.Time
	ttl      time.Duration // of a token
	every    time.Duration // between two beats
	gauges   gauges

	standing, away *limiter  // of what is said again and again
	awaySince      time.Time // since when Redis has not answered; zero while it does
	askedAt        time.Time // when a standby last looked at the record

	role     atomic.Value // a string, for the page
	lastBeat atomic.Int64 // nanoseconds since started
	started  time.Time
}

// gauges tell what a daemon is.
type gauges struct{ leader, alone prometheus.Gauge }

func newGauges(registry prometheus.Registerer) gauges {
	g := gauges{
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_leader", Help: "1 while this process leads, 0 while it stands by.",
		}),
		alone: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "token_scheduler_without_redis",
			Help: "1 while this process rotates under MySQL's lock alone, Redis having been away for too long.",
		}),
	}
	registry.MustRegister(g.leader, g.alone)
	return g
}

// The roles of a daemon, as /status has them.
const (
	leads        = "leader"
	standsBy     = "standby"
	withoutRedis = "without_redis"
)

// become takes a role over into the gauges and the page.
func (d *daemon) become(role string) {
	d.role.Store(role)
	for gauge, of := range map[prometheus.Gauge]string{d.gauges.leader: leads, d.gauges.alone: withoutRedis} {
		value := 0.0
		if role == of {
			value = 1
		}
		gauge.Set(value)
	}
}

// begin fills in what every daemon begins with.
func (d *daemon) begin() *daemon {
	d.standing, d.away = oncePer(time.Hour), oncePer(time.Minute)
	d.started = time.Now()
	d.become(standsBy)
	return d
}

// run leads or stands by until the program is told to stop.
func (d *daemon) run() {
	for wait := time.Duration(0); d.stop.sleep(wait); wait = d.every/2 + rand.N(d.every) {
		d.beat()
		lease, err := d.leaders.Acquire(d.stop.ctx, "leader")
		switch {
		case err == nil:
			d.redisIsBack()
			d.standing.reset()
			if aside := d.lead(lease); aside && !d.stop.sleep(standAside(d.every)) {
				return
			}
		case errors.Is(err, locks.ErrHeld):
			d.redisIsBack()
			d.standBy()
		default:
			d.redisIsAway(err)
		}
	}
}

// standAside is how long a leader that stepped aside leaves the lead to others.
func standAside(every time.Duration) time.Duration { return 30 * every }

// lead schedules until the lease is lost, the program is told to stop, or its
// rotations fail for so long that another should try, and gives the leadership
// up when all work has ended.
func (d *daemon) lead(lease tasks.Lease) (aside bool) {
	d.log.Info("leading")
	d.become(leads)
	ctx := lease.Context()
	var work sync.WaitGroup
	scheduler := cron.New(cron.WithLocation(d.location), cron.WithLogger(cron.DiscardLogger))
	for _, j := range []*job{d.rotate, d.janitor} {
		j.lead(ctx, d.lastServed(ctx, j))
		scheduler.Schedule(j.schedule, j.fire)
	}
	scheduler.Start()
	for on := true; on; on = d.wait(ctx) {
		d.beat()
		if aside = d.rotate.failingFor() > stepAsideAfter; aside {
			break
		}
		for _, j := range []*job{d.rotate, d.janitor} {
			if j.due() {
				work.Go(j.fire.Run)
			}
		}
	}
	switch cause := context.Cause(ctx); {
	case aside:
		d.log.Warn("every rotation has failed for a while; stepping aside for a standby to try", "after", stepAsideAfter)
	case cause != nil && !d.stop.draining():
		d.log.Warn("no longer leading; ending what runs", "err", cause)
	}
	<-scheduler.Stop().Done()
	work.Wait()
	d.become(standsBy)
	if err := lease.Release(); err != nil {
		d.log.Warn("leadership not given up; it runs out by itself", "err", err)
	}
	return aside
}

// lastServed returns the start of the last window of a job that needs no run. A
// rotation is always due at the start of a leadership: the ledger knows who was
// served. A purge is due where a firing has passed since its last success; where
// none is on record, it waits for its next firing.
func (d *daemon) lastServed(ctx context.Context, j *job) time.Time {
	window := j.schedule.Window(d.now())
	j.runner.Metrics.NextRun(j.task.Name(), window.End)
	last := d.ask(ctx, j)
	if j == d.rotate || (!last.IsZero() && last.Before(window.Start)) {
		return time.Time{}
	}
	return window.Start
}

// ask reads when the last run of a job began that reached everyone.
func (d *daemon) ask(ctx context.Context, j *job) time.Time {
	known, err := d.record.Tasks(ctx, j.task.Name())
	if err != nil {
		d.log.Warn("last run not known", "task", j.task.Name(), "err", err)
	}
	last := known[j.task.Name()]
	j.runner.Metrics.Known(j.task.Name(), last)
	j.known(last.Complete)
	return last.Complete
}

// standBy says so, and once a minute looks how the leader fares, to know it
// should Redis go away.
func (d *daemon) standBy() {
	if d.standing.due() {
		d.log.Info("standing by: another process leads")
	}
	if time.Since(d.askedAt) >= max(time.Minute, d.every) {
		d.askedAt = time.Now()
		d.ask(d.stop.ctx, d.rotate)
	}
}

// wait sleeps for a beat, and tells whether the leadership goes on.
func (d *daemon) wait(ctx context.Context) bool {
	timer := time.NewTimer(d.every)
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
