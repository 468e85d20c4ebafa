package daemon

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

const (
	// aloneAfter is how long Redis must have been away before a daemon goes on without
	// it, however old the tokens are. A restart of Redis is no reason.
	aloneAfter = 5 * time.Minute
	// aloneForSome is the same where only the tokens of tenants that fail may be old.
	aloneForSome = 30 * time.Minute
)

// outage is the time for which Redis has not answered.
type outage struct {
	since time.Time       // zero while Redis answers
	said  *rate.Sometimes // limits the log line
}

func (o outage) lasts() time.Duration { return time.Since(o.since).Round(time.Second) }

func (d *Daemon) redisIsBack() {
	if d.away.since.IsZero() {
		return
	}
	d.o.Log.Info("Redis is back", "after", d.away.lasts())
	d.away = outage{}
	d.redisAway.Store(false)
	d.become(standsBy)
}

// redisIsAway logs it, and rotates without Redis if tokens would otherwise pass half
// their life. MySQL's lock still lets only one process write.
func (d *Daemon) redisIsAway(ctx context.Context, drain <-chan struct{}, err error) {
	if d.away.since.IsZero() {
		d.away = outage{since: time.Now(), said: &rate.Sometimes{Interval: time.Minute}}
		d.redisAway.Store(true)
		if d.o.Outage != nil {
			d.o.Outage()
		}
		d.fireAlone = d.alone.begin(ctx, drain, time.Time{})
	}
	alone := d.needsToGoAlone()
	d.away.said.Do(func() {
		if alone {
			d.o.Log.Error("Redis is away, and tokens grow old or placeholders may be out; rotating under MySQL's lock alone until it is back",
				"for", d.away.lasts(), "err", err)
			return
		}
		d.o.Log.Warn("Redis is away, nobody can be elected; trying again", "for", d.away.lasts(), "err", err)
	})
	if !alone || !d.alone.due() {
		return
	}
	d.become(withoutRedis)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.fireAlone.Run()
	}()
	d.beatUntil(ended, nil)
}

// needsToGoAlone is true if tokens have passed half their life, or may have, or if Zync
// may hold placeholders. After a
// run with failures, these are the tokens of the tenants that failed, which may be well
// by now.
func (d *Daemon) needsToGoAlone() bool {
	complete, success := d.rotate.last()
	if alone, _ := d.alone.last(); !alone.IsZero() && alone.After(complete) {
		return true // it has gone alone before, and goes on until Redis is back
	}
	away := time.Since(d.away.since)
	if away >= aloneAfter && d.o.Tokens != nil && d.o.Tokens.MayBeOut() {
		return true // whether a gateway replaces placeholders is not known
	}
	return (away >= aloneAfter && d.old(complete)) || (away >= aloneForSome && d.old(success))
}

// old is true if a token that was minted then has passed half its life. A time that is
// not known, or not yet, counts as old.
func (d *Daemon) old(minted time.Time) bool {
	age := d.o.Now().Sub(minted)
	return minted.IsZero() || age < 0 || age >= d.o.TokenTTL/2
}
