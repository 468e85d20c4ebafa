package main

import "time"

// aloneAfter is how long Redis must have been away before anybody does without
// it, however old the tokens: a restart of Redis is no reason.
const aloneAfter = 5 * time.Minute

func (d *daemon) redisIsBack() {
	if d.awaySince.IsZero() {
		return
	}
	d.log.Info("Redis is back", "after", time.Since(d.awaySince).Round(time.Second))
	d.awaySince = time.Time{}
	d.away.reset()
	d.become(standsBy)
}

// redisIsAway says so, and rotates all the same once tokens would pass half their
// life: MySQL's lock still lets only one process write.
func (d *daemon) redisIsAway(err error) {
	if d.awaySince.IsZero() {
		d.awaySince = time.Now()
		d.alone.lead(d.stop.ctx, time.Time{})
	}
	alone := d.needsToGoAlone()
	if d.away.due() {
		if alone {
			d.log.Error("Redis is away and tokens grow old; rotating under MySQL's lock alone until it is back",
				"for", time.Since(d.awaySince).Round(time.Second), "err", err)
		} else {
			d.log.Warn("Redis is away, nobody can be elected; trying again",
				"for", time.Since(d.awaySince).Round(time.Second), "err", err)
		}
	}
	if !alone || !d.alone.due() {
		return
	}
	d.become(withoutRedis)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.alone.fire.Run()
	}()
	beat := time.NewTicker(d.every)
	defer beat.Stop()
	for {
		select {
		case <-ended:
			return
		case <-beat.C:
			d.beat()
		}
	}
}

// needsToGoAlone tells whether tokens have passed half their life, or may have.
func (d *daemon) needsToGoAlone() bool {
	if !d.alone.lastDone().IsZero() && d.alone.lastDone().After(d.rotate.lastDone()) {
		return true // it has gone alone before, and goes on until Redis is back
	}
	last := d.rotate.lastDone()
	age := d.now().Sub(last)
	old := last.IsZero() || age < 0 || age >= d.ttl/2
	return old && time.Since(d.awaySince) >= aloneAfter
}
