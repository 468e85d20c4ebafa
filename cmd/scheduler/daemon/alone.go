package daemon

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
	"golang.org/x/time/rate"
)

const (
	// aloneAfter is how long tokens must have been old before a daemon rotates alone. It is
	// longer than a restart of Redis or of all daemons, and at most an eighth of a token's
	// life.
	aloneAfter = 5 * time.Minute
	// aloneForSome is the same for less certain cases: only tokens of failing tenants may be
	// old, or another process leads and no full rotation is on record yet. It is at most a
	// quarter of a token's life.
	aloneForSome = 30 * time.Minute
)

// alone is the rotation that needs no Redis, and what decides when it runs.
type alone struct {
	*job
	fire      cron.Job       // runs the job, unless it runs already
	startAnew func()         // makes fire, with no window served
	work      sync.WaitGroup // the runs of fire
	aging     aging          // of tokens
	redis     outage
	redisAway atomic.Bool // for readers outside the loop
}

// outage is the time for which Redis has not answered.
type outage struct {
	since time.Time       // zero while Redis answers
	said  *rate.Sometimes // limits the log line
}

func (o outage) lasts() time.Duration { return time.Since(o.since).Round(time.Second) }

// aging is what a daemon knows of tokens that grow old.
type aging struct {
	since time.Time       // when they were first found old; zero while they are young
	said  *rate.Sometimes // limits the log line
}

func (d *Daemon) redisIsBack() {
	if d.alone.redis.since.IsZero() {
		return
	}
	d.o.Log.Info("Redis is back", "after", d.alone.redis.lasts())
	d.alone.redis = outage{}
	d.alone.redisAway.Store(false)
}

// redisIsAway logs that Redis is away, and rotates without it if tokens grow old.
func (d *Daemon) redisIsAway(err error) {
	if d.alone.redis.since.IsZero() {
		d.alone.redis = outage{since: time.Now(), said: eachMinute()}
		d.alone.redisAway.Store(true)
		d.outageBegins()
	}
	away := time.Since(d.alone.redis.since)
	_, success := d.rotate.last()
	forSome := away >= d.patience(aloneForSome, 4) && d.old(success)
	// Whether a gateway replaces placeholders is not known without Redis.
	placeholders := away >= aloneAfter && d.mayBeOut()
	if d.growOld(d.patience(aloneAfter, 8)) || forSome || placeholders {
		d.become(withoutRedis)
		d.goAlone("err", err)
		return
	}
	d.become(standsBy)
	d.alone.redis.said.Do(func() {
		d.o.Log.Warn("Redis is away, nobody can be elected; trying again", "for", d.alone.redis.lasts(), "err", err)
	})
}

// outageBegins makes rotations alone serve everyone again, because placeholders may have been
// pushed since the last outage. It does not if there were no other rotations since.
func (d *Daemon) outageBegins() {
	if d.alone.atWork() || (!d.mayBeOut() && d.alone.noted().After(d.rotate.noted())) {
		return
	}
	if d.o.Outage != nil {
		d.o.Outage()
	}
	d.alone.startAnew()
}

// mayBeOut is true if Zync may hold placeholders.
func (d *Daemon) mayBeOut() bool { return d.o.Tokens != nil && d.o.Tokens.MayBeOut() }

// helpOut rotates alone if tokens grow old though Redis answers: the leader can't serve them,
// or the lease's holder does not rotate. It returns true if it does.
func (d *Daemon) helpOut(ctx context.Context) bool {
	if !d.growOldUnserved() {
		return false
	}
	if d.alone.due() {
		d.lastComplete(ctx, d.rotate) // a rotation may just have ended
		if !d.growOldUnserved() {
			return false
		}
	}
	d.goAlone()
	return true
}

// growOldUnserved is [Daemon.growOld] for a time when Redis answers. It waits longer if no
// full rotation is on record, because the first one may be at work. In each window it waits
// for the leader first. If clocks differ and the last rotation has a future time, it counts
// from when this process learned of that rotation.
func (d *Daemon) growOldUnserved() bool {
	patience := d.patience(aloneAfter, 8)
	switch complete, _ := d.rotate.last(); {
	case complete.IsZero():
		patience = d.patience(aloneForSome, 4)
	case complete.After(d.o.Now()) && time.Since(d.rotate.noted()) < d.o.TokenTTL/2:
		return false
	}
	began, length := d.alone.age()
	return d.growOld(patience) && began >= min(patience, length/2)
}

// goAlone starts a rotation that needs no Redis, beside the loop, if one is due. MySQL's
// lock still lets only one process write.
func (d *Daemon) goAlone(args ...any) {
	d.alone.aging.said.Do(func() {
		complete, _ := d.rotate.last()
		d.o.Log.Error("no rotation has reached everyone for half a token's life, or placeholders may be out; rotating under MySQL's lock alone",
			append([]any{"last_complete", complete}, args...)...)
	})
	if d.alone.due() {
		d.alone.work.Go(d.alone.fire.Run)
	}
}

// growOld is true if it is time to rotate alone: tokens have been old for longer than
// patience. Only a full rotation ends that time, because a short answer from Redis makes no
// token younger. A process that has rotated alone goes on until another rotation is on
// record.
func (d *Daemon) growOld(patience time.Duration) bool {
	if d.alone.noted().After(d.rotate.noted()) {
		return true
	}
	if complete, _ := d.rotate.last(); !d.old(complete) {
		d.alone.aging = aging{said: eachMinute()}
		return false
	}
	if d.alone.aging.since.IsZero() {
		d.alone.aging.since = time.Now()
	}
	return time.Since(d.alone.aging.since) >= patience
}

// patience is the usual time, or a part of a token's life if that is shorter.
func (d *Daemon) patience(usual, part time.Duration) time.Duration {
	return min(usual, d.o.TokenTTL/part)
}

// old is true if a token that was minted then has passed half its life. An unknown or future
// time counts as old.
func (d *Daemon) old(minted time.Time) bool {
	age := d.o.Now().Sub(minted)
	return minted.IsZero() || age < 0 || age >= d.o.TokenTTL/2
}

// finishAlone waits for a rotation that was begun alone.
func (d *Daemon) finishAlone() {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.alone.work.Wait()
	}()
	d.beatUntil(ended, nil)
}
