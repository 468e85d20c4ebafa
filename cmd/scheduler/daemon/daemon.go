package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// Beat is how often the loop acts: a standby tries to take the leadership, and a leader
// starts what cron missed.
const Beat = time.Second

// Record knows the earlier runs of any process; see [ledger.Ledger].
type Record interface {
	Tasks(ctx context.Context, names ...string) (map[string]ledger.Task, error)
}

// Job is a task, when it runs, and what runs it.
type Job struct {
	Task     tasks.Task
	Schedule tasks.Schedule
	Runner   *tasks.Runner
}

// Options are what a daemon works with.
type Options struct {
	Leases   tasks.Leases                // for the leadership; runs have their own
	Owns     func(context.Context) error // see [tasks.Runner.Owns]
	Rotate   Job
	Janitor  Job
	Alone    Job    // a rotation that needs no Redis
	Tokens   Tokens // nil looks for none
	Record   Record
	Outage   func() // told that Redis begins to be away; nil tells nobody
	TokenTTL time.Duration
	Beat     time.Duration // see [Beat]; the simulation's is longer
	Log      *slog.Logger
	Now      func() time.Time
	Registry prometheus.Registerer
}

// Daemon leads or stands by.
type Daemon struct {
	o               Options
	rotate, janitor *job
	alone           alone
	gauges          gauges
	pulse           pulse
	role            atomic.Value // a string
	lookout         lookout
	porta           porta
	standing        *rate.Sometimes // limits the log line of a standby
	asked           time.Time       // when a standby last read the record
}

// New returns a daemon that stands by.
func New(o Options) *Daemon {
	d := &Daemon{
		o: o, rotate: newJob(o.Rotate, o.Now), janitor: newJob(o.Janitor, o.Now),
		alone:  alone{job: newJob(o.Alone, o.Now), aging: aging{said: eachMinute()}},
		gauges: newGauges(o.Registry), pulse: pulse{started: time.Now()}, standing: hourly(),
		lookout: lookout{unsure: hourly()}, porta: porta{said: eachMinute()},
	}
	d.become(standsBy)
	return d
}

func hourly() *rate.Sometimes { return &rate.Sometimes{Interval: time.Hour} }

// Role is leader, standby, without_redis or other_porta. It is safe for concurrent use.
func (d *Daemon) Role() string { return d.role.Load().(string) }

// Silent is how long ago the loop last beat; see [SilenceLimit]. It is safe for
// concurrent use.
func (d *Daemon) Silent() time.Duration { return d.pulse.silent() }

func (d *Daemon) become(role string) {
	d.role.Store(role)
	d.gauges.show(role)
}

// Run leads or stands by until drain is closed, and returns after its work has
// ended. ctx ends work that does not finish in time.
func (d *Daemon) Run(ctx context.Context, drain <-chan struct{}) {
	defer d.tellSystemd(drain)()
	d.alone.startAnew = func() { d.alone.fire = d.alone.begin(ctx, drain, time.Time{}) }
	d.alone.startAnew()
	defer d.finishAlone()
	for wait := time.Duration(0); d.pause(wait, drain); wait = d.o.Beat/2 + rand.N(d.o.Beat) {
		if d.Hung() {
			d.giveUp(drain)
			return
		}
		lease, err := d.takeLead(ctx)
		switch {
		case err == nil:
			d.redisIsBack()
			d.standing = hourly()
			if aside := d.lead(ctx, lease, drain); aside && !d.pause(standAside*d.o.Beat, drain) {
				return
			}
		case d.porta.other != nil:
			d.refuse()
		case errors.Is(err, tasks.ErrPortaUnknown):
			d.awaitMySQL(err)
		case errors.Is(err, locks.ErrHeld):
			d.redisIsBack()
			d.standBy(ctx)
		default:
			d.redisIsAway(err)
		}
	}
}

// standBy reads once a minute when the last full rotation was, so that this process knows how
// old the tokens are. If they grow old, it rotates alone.
func (d *Daemon) standBy(ctx context.Context) {
	d.standing.Do(func() { d.o.Log.Info("standing by: another process leads") })
	if time.Since(d.asked) >= max(time.Minute, d.o.Beat) {
		d.asked = time.Now()
		d.lastComplete(ctx, d.rotate)
		d.watchPlaceholders(ctx)
	}
	role := standsBy
	if d.helpOut(ctx) {
		role = withoutRedis
	}
	d.become(role)
}

// watchPlaceholders notes when a gateway was last alive, because a standby may lead later.
func (d *Daemon) watchPlaceholders(ctx context.Context) {
	if d.o.Tokens == nil {
		return
	}
	if _, err := d.o.Tokens.Stranded(ctx); err != nil {
		d.o.Log.Debug("not known whether a gateway is alive; asking again", "err", err)
	}
}

// lastComplete reads when the last run of a job began that reached everyone.
func (d *Daemon) lastComplete(ctx context.Context, j *job) time.Time {
	name := j.Task.Name()
	known, err := d.o.Record.Tasks(ctx, name)
	if err != nil {
		d.o.Log.Warn("last run not known", "task", name, "err", err)
	}
	last := known[name]
	j.Runner.Metrics.Known(name, last)
	j.known(last)
	return last.Complete
}

// pause waits, beats meanwhile, and returns false if drain is closed before the
// end.
func (d *Daemon) pause(wait time.Duration, drain <-chan struct{}) bool {
	done, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return d.beatUntil(done.Done(), drain)
}

// beatUntil beats until done is closed, and returns false if drain is closed first.
func (d *Daemon) beatUntil(done, drain <-chan struct{}) bool {
	tick := time.NewTicker(d.o.Beat)
	defer tick.Stop()
	for {
		d.pulse.beat()
		select {
		case <-drain:
			return false
		case <-done:
			return !closed(drain)
		case <-tick.C:
		}
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
