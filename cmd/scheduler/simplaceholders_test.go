package main

import (
	"time"

	"github.com/token-scheduler/token-scheduler/tasks/rotate"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// placeholders is what a world knows of gateways, and of what they are there for.
type placeholders struct {
	serving, placing bool      // what schedulers are told from now on
	silent           time.Time // until when Zync asks for nothing
	bare             time.Time // since when no gateway answers; zero while one does
	upset            time.Time // when the last thing happened, or ended, that delays who notices it
	since            map[int64]time.Time
}

// lockedOutFor is how long a tenant may be locked out whose placeholder no gateway
// replaces. It counts from the last trouble, and is the sum of these times:
//
//	35 s       A dead gateway counts as alive.
//	10 min     A dead leader holds its lease in this world. Without Redis it is 5 min.
//	3 min      Another process takes the lease and looks, in two beats.
//	1 min      The first look finds no gateway.
//	2 min      This is the grace for a restart.
//	2 min      The next look follows the beat.
//	1 min      The run has its tries.
//
// With a real lease, of 15 s, and a real beat, of one second, it is five minutes, and four if
// the leader lives.
const lockedOutFor = 20 * time.Minute

// placedFor is how long after the last gateway's end a placeholder may still be pushed: a
// dead one counts as alive for 35 s, Redis may not answer for 10 s, and a push takes 10 s.
// The world looks once a minute.
const placedFor = 2 * time.Minute

// pausedFor is the longest pause between two tries of a tenant that fails alone: it is tried
// again after 1, 2, 4, 8 and 16 minutes, and with six tokens, and then in the next window.
const pausedFor = 30 * time.Minute

var placeholderDigest = porta.Digest(rotate.Placeholder)

// serve gives a new process its part in what the world is told.
func (w *simWorld) serve(p *simProc) {
	p.placing = w.placing
	if w.serving {
		p.gateway = w.redis.As(p.net).ServeGateway("gateway", func() time.Time { return w.now(p) })
	}
}

// restart restarts the schedulers with other flags, one after the other. One of them may
// keep what it had: not everybody is told at once.
func (w *simWorld) restart(change func()) time.Duration {
	before := w.placeholders
	change()
	after := w.placeholders
	for i := range w.procs {
		w.procs[i].end(false)
		w.serving, w.placing = after.serving, after.placing
		if w.chance.IntN(4) == 0 {
			w.serving, w.placing = before.serving, before.placing
		}
		w.procs[i] = w.boot(0)
	}
	w.serving, w.placing = after.serving, after.placing
	return 0
}

// ask is Zync's reading of Porta, about once an hour, and looks whether a gateway is there
// for it.
func (w *simWorld) ask() {
	answers := false
	asks := time.Now().After(w.silent) && w.chance.IntN(60) == 0
	for _, p := range w.procs {
		if p.gateway == nil || !p.gateway.Serves() {
			continue
		}
		answers = true
		if asks {
			p.gateway.Carry()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case answers:
		w.bare = time.Time{}
	case w.bare.IsZero():
		w.bare = time.Now()
	}
}

// upsetFor notes a trouble. While Redis alone is away, placeholders must be noticed
// nevertheless, under MySQL's lock.
func (w *simWorld) upsetFor(kind string, lasts time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch kind {
	case "Redis outages", "Redis hangs":
		w.upset = later(w.upset, time.Now())
		time.AfterFunc(lasts, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.upset = later(w.upset, time.Now())
		})
	default:
		w.upset = later(w.upset, time.Now().Add(lasts))
	}
}

// replaced is true for a tenant whose placeholder a gateway replaces, or who has not been
// without one for long. The caller holds the lock.
func (w *simWorld) replaced(tenant int64) bool {
	if w.bare.IsZero() {
		return true
	}
	since := later(later(w.bare, w.since[tenant]), w.upset)
	if sick := w.alone[tenant]; sick != nil {
		since = later(since, sick.till.Add(pausedFor))
	}
	return time.Since(since) < lockedOutFor
}
