package rotate

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// engine is one run. Only its loop changes its state. Slow work (a mint, a push, a record in
// the ledger, a look at Zync) happens in other goroutines, which hand their results to
// the loop.
type engine struct {
	o    *Options
	run  tasks.Run
	pass pass

	mint     *minter
	hand     hand
	zync     *health
	carrier  *carrier
	speed    speed
	trial    trial
	results  results
	work     work
	end      end
	tally    *tally
	progress progress
}

// results are what is to be recorded, and what was delivered lately.
type results struct {
	notes  notes // for the ledger
	ends   ends  // for MySQL
	recent recent
}

// speed decides how many tokens are minted ahead, how many pushes run at a time, how long
// each may take, and how many begin in a second.
type speed struct {
	pace     pace
	width    width
	patience *patience
	share    share
	rate     *rate.Limiter // nil for no limit
}

// work is what is at work now.
type work struct {
	jobs   chan *token
	pushed chan pushed
	done   chan func() // results of all but pushes, to be applied by the loop

	fresh, again    int // pushes, of fresh tokens and of those tried again
	minting, noting bool
	remint          []planned // tenants whose tokens are gone
	looking         bool      // at Zync
	searching       bool      // for recent deliveries
	counting        bool
	mintedAt        time.Time // when the minter was last used
	trouble         trouble   // with minting
}

func (w *work) pushes() int { return w.fresh + w.again }

func (w *work) idle() bool {
	return w.pushes() == 0 && !w.minting && !w.noting && !w.looking && !w.searching && !w.counting
}

// end is what ends a run.
type end struct {
	exhausted   bool               // the plan has no more tenants
	exhaustedAt time.Time          // since when nothing fresh is left
	deadline    time.Time          // the window's end, by the monotonic clock
	stopping    bool               // nothing new begins
	place       int64              // the tenant after which the next run begins; zero if [engine.reached] finds it
	why         error              // the first reason
	hurry       context.CancelFunc // ends the pushes at work
	mintNoMore  context.CancelFunc // ends the mint at work
	drain       <-chan struct{}    // nil once it was closed
	yield       <-chan struct{}    // nil once it was closed
}

func newEngine(r *Rotation, run tasks.Run, mint *minter) *engine {
	now := time.Now()
	e := &engine{
		o: &r.o, run: run, pass: mint.plan.pass, mint: mint, zync: r.zync, carrier: newCarrier(now), tally: newTally(),
		results: results{notes: newNotes()}, progress: progress{said: now},
		speed: speed{pace: newPace(now), width: newWidth(r.o.Concurrency, now), patience: r.patience, share: share{began: now}},
		end:   end{deadline: now.Add(run.Window.End.Sub(r.o.Now())), drain: run.Drain, yield: run.Yield},
	}
	e.tally.placing = e.pass.placing
	if r.o.Rate > 0 {
		// A short burst makes up for late wake-ups.
		e.speed.rate = rate.NewLimiter(rate.Limit(r.o.Rate), max(1, int(r.o.Rate/50)))
	}
	if r.o.Verify != nil && !e.pass.placing {
		e.trial.left = trialTenants
	}
	workers := e.speed.width.most()
	e.work = work{jobs: make(chan *token), pushed: make(chan pushed, workers), done: make(chan func(), 4), mintedAt: now}
	return e
}

// async runs f in a goroutine, and then on the loop with f's error. A panic in f is an
// error.
func (e *engine) async(f func() error, then func(err error)) {
	go func() {
		err := tasks.Safely(f)
		e.work.done <- func() { then(err) }
	}()
}
