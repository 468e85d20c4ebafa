package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/sim"
)

// trouble is something that happens. happen begins it, and returns how long it lasts for
// everyone. It happens only if all tokens at Zync live for as long as needs says. No
// scheduler can help if an outage is longer than a token's life.
type trouble struct {
	name   string
	needs  time.Duration
	happen func(w *simWorld) time.Duration
}

func (w *simWorld) clockOf(p *simProc) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return p.offset
}

func (w *simWorld) setClock(p *simProc, offset time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p.offset = offset
}

// pushAsPorta is what Porta does for an event of a tenant. It pushes its own token of
// the last hour, or makes one and pushes that.
func (w *simWorld) pushAsPorta(id int64) {
	w.mu.Lock()
	own, found := w.cached[id]
	if !found || time.Since(own.made) > time.Hour {
		own = cached{fmt.Sprintf("%s%d-%d", ownPrefix, id, time.Now().UnixNano()), time.Now()}
		w.cached[id] = own
		found = false
	}
	w.mu.Unlock()
	if !found {
		w.porta.Mint(id, own.digest, w.times.ttl)
	}
	w.zync.Take(id, own.digest)
}

// weather makes a server misbehave for a time, and returns the time.
func (w *simWorld) weather(s *sim.Server, bad sim.Weather, d time.Duration) time.Duration {
	s.Set(bad)
	if s == w.zync.Server {
		w.mu.Lock()
		w.zyncWell = time.Now().Add(d)
		w.mu.Unlock()
	}
	time.AfterFunc(d, func() { s.Set(fair) })
	return d
}

// disturb notes that there is general trouble for a time.
func (w *simWorld) disturb(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if until := time.Now().Add(d); until.After(w.trouble) {
		w.trouble = until
	}
}

// until draws the time until something happens, with a mean.
func (w *simWorld) until(mean time.Duration) time.Duration {
	return time.Duration(w.chance.ExpFloat64() * float64(mean)).Truncate(time.Second)
}

// upTo draws a duration of at least a second. Short ones are more likely.
func (w *simWorld) upTo(most time.Duration) time.Duration {
	f := w.chance.Float64()
	return time.Second + time.Duration(f*f*float64(most))
}

var troubles = []trouble{
	{"Redis flushes", 0, func(w *simWorld) time.Duration { w.redis.Flush(); return 0 }},
	{"Redis failovers", 0, func(w *simWorld) time.Duration { w.redis.Failover(w.chance); return 0 }},
	{"Redis outages", 22 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.redis.Server, sim.Weather{Down: errRefused}, w.upTo(60*time.Hour))
	}},
	{"Redis hangs", 22 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.redis.Server, sim.Weather{Hanging: true}, w.upTo(3*time.Hour))
	}},
	{"Redis lossy", 12 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.redis.Server, sim.Weather{LoseAsk: 0.1, LoseSaid: 0.1}, w.upTo(5*time.Hour))
	}},
	{"MySQL restarts", 14 * time.Hour, func(w *simWorld) time.Duration {
		w.porta.Restart()
		return w.weather(w.porta.Server, sim.Weather{Down: errRefused}, w.upTo(5*time.Hour))
	}},
	{"MySQL lossy", 14 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.porta.Server, sim.Weather{LoseAsk: 0.1, LoseSaid: 0.1}, w.upTo(3*time.Hour))
	}},
	{"Zync outages", 14 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.zync.Server, sim.Weather{Down: errRefused}, w.upTo(8*time.Hour))
	}},
	{"Zync hangs", 14 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.zync.Server, sim.Weather{Hanging: true}, w.upTo(8*time.Hour))
	}},
	{"Zync lossy", 14 * time.Hour, func(w *simWorld) time.Duration {
		return w.weather(w.zync.Server, sim.Weather{LoseAsk: 0.2, LoseSaid: 0.2, Latency: time.Second}, w.upTo(5*time.Hour))
	}},
	{"5xx storms", 14 * time.Hour, func(w *simWorld) time.Duration {
		share := w.chance.IntN(100)
		return w.storms(w.upTo(8*time.Hour), func() int {
			if w.dice.IntN(100) <= share {
				return 500 + w.dice.IntN(5)
			}
			return 0
		})
	}},
	{"tenants failing alone", 22 * time.Hour, func(w *simWorld) time.Duration {
		ids, d := w.porta.Tenants(), w.upTo(3*24*time.Hour)
		first, n := w.chance.IntN(len(ids)), 1+w.chance.IntN(1+w.chance.IntN(40))
		w.failAlone(ids[first:min(first+n, len(ids)-1)], d)
		return 0
	}},
	{"a tenth failing", 22 * time.Hour, func(w *simWorld) time.Duration {
		d, some := w.upTo(20*time.Hour), []int64{}
		for _, id := range w.porta.Tenants() {
			if w.chance.IntN(10) == 0 {
				some = append(some, id)
			}
		}
		w.failAlone(some, d)
		return 0
	}},
	{"MySQL failovers", 14 * time.Hour, func(w *simWorld) time.Duration {
		lag := w.upTo(10 * time.Minute)
		w.lose(func() { w.porta.Failover(lag) })
		return 0
	}},
	{"MySQL read-only", 14 * time.Hour, func(w *simWorld) time.Duration {
		d := w.upTo(20 * time.Minute)
		w.porta.ReadOnly(true)
		time.AfterFunc(d, func() { w.porta.ReadOnly(false) })
		return d
	}},
	{"kills", 4 * time.Hour, func(w *simWorld) time.Duration {
		i, d := w.chance.IntN(2), w.upTo(10*time.Minute)
		w.procs[i].end(true)
		w.procs[i] = w.boot(0)
		return d
	}},
	{"deploys", 4 * time.Hour, func(w *simWorld) time.Duration {
		for i := range w.procs {
			w.procs[i].end(false)
			w.procs[i] = w.boot(0)
		}
		return 0
	}},
	{"gateways switched on or off", 4 * time.Hour, func(w *simWorld) time.Duration {
		return w.restart(func() { w.serving = !w.serving })
	}},
	{"placeholders switched on or off", 4 * time.Hour, func(w *simWorld) time.Duration {
		return w.restart(func() { w.placing = !w.placing })
	}},
	{"gateways killed", 4 * time.Hour, func(w *simWorld) time.Duration {
		for i := range w.procs {
			w.procs[i].end(true)
			serving := w.serving
			w.serving = false
			w.procs[i] = w.boot(0)
			w.serving = serving
		}
		return 0
	}},
	{"Zync asking nothing", 0, func(w *simWorld) time.Duration {
		w.silent = time.Now().Add(w.upTo(60 * time.Hour))
		return 0
	}},
	{"pauses", 14 * time.Hour, func(w *simWorld) time.Duration {
		p, d := w.procs[w.chance.IntN(2)], w.upTo(2*time.Hour)
		p.net.Pause()
		time.AfterFunc(d, p.net.Resume)
		return d
	}},
	{"clock steps", 14 * time.Hour, func(w *simWorld) time.Duration {
		p, d := w.procs[w.chance.IntN(2)], w.upTo(6*time.Hour)
		if w.clockOf(p) != 0 {
			return 0
		}
		offset := w.upTo(3 * time.Hour)
		if w.chance.IntN(2) == 0 {
			offset = -offset
		}
		w.setClock(p, offset)
		time.AfterFunc(d, func() { w.setClock(p, 0) })
		return d
	}},
	{"wild clocks", 14 * time.Hour, func(w *simWorld) time.Duration {
		if w.clockOf(w.procs[1]) != 0 {
			return 0 // one of them must be right
		}
		d := w.upTo(40 * time.Hour)
		w.setClock(w.procs[0], time.Duration(1-2*w.chance.IntN(2))*(15*time.Hour+w.upTo(72*time.Hour)))
		p := w.procs[0]
		time.AfterFunc(d, func() { w.setClock(p, 0) })
		return d
	}},
	{"refusals", 14 * time.Hour, func(w *simWorld) time.Duration {
		return w.storms(w.upTo(8*time.Hour), func() int {
			switch w.dice.IntN(4) {
			case 0:
				return 422
			case 1:
				return sim.Stored + 500
			}
			return 0
		})
	}},
	{"pushes of Porta's own", 0, func(w *simWorld) time.Duration {
		for _, id := range w.porta.Tenants() {
			if w.chance.IntN(2) == 0 {
				w.pushAsPorta(id)
			}
		}
		return 0
	}},
	{"tenants created", 0, func(w *simWorld) time.Duration {
		if len(w.porta.Tenants()) < w.tenants+6 {
			id := w.porta.AddTenant(time.Now())
			w.mu.Lock()
			w.known[id] = time.Now()
			w.mu.Unlock()
		}
		return 0
	}},
	{"tenants deleted", 0, func(w *simWorld) time.Duration {
		if ids := w.porta.Tenants(); len(ids) > 3 {
			id := ids[1+w.chance.IntN(len(ids)-1)]
			w.mu.Lock()
			delete(w.known, id)
			w.mu.Unlock()
			w.porta.DropTenant(id)
			w.zync.Forget(id)
		}
		return 0
	}},
	{"admins replaced", 0, func(w *simWorld) time.Duration {
		ids := w.porta.Tenants()
		id := ids[w.chance.IntN(len(ids))]
		w.mu.Lock()
		w.excused[id] = time.Now() // until Zync gets a token of the new admin
		delete(w.cached, id)
		w.mu.Unlock()
		w.porta.ReplaceOwner(id)
		return 0
	}},
}

var errRefused = errors.New("connection refused")
