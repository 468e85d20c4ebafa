package rotate

import (
	"context"
	"errors"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/zync"
)

// maxInHand bounds the tokens in memory. Only a Zync that hangs for tens of
// thousands of tenants, and serves the others, comes near it.
const maxInHand = 20_000

// engine is one run. Its loop is the only one to touch its state; what takes
// time (a mint, a push, a note in the ledger, a look at Zync) happens in
// goroutines of which the loop starts one, or for pushes a fixed number, and
// hears back through a channel.
type engine struct {
	o     *Options
	run   tasks.Run
	mint  *minter
	tally *tally

	queue   queue
	breaker breaker
	pace    pace
	width   width
	patient patience
	notes   notes

	jobs   chan *token
	pushed chan pushed
	minted chan minted
	noted  chan noted
	looked chan error
	drain  <-chan struct{} // closed when the run should come to its end; nil after

	deadline           time.Time // the window's end, by a clock that nobody sets
	inFlight           int
	remint             []planned // whose tokens are gone
	minting, exhausted bool      // exhausted: the plan has no more tenants
	trouble            trouble   // with minting
	noting, looking    bool
	probing            bool  // Zync says that it lives, and one push is to show it
	stopping           bool  // nothing new begins
	stopErr            error // why
	unrecorded         bool  // the log has said that the ledger can't be written
	unrevoked          int   // tenants whose older tokens could not be ended
	progress           progress
}

type pushed struct {
	token  *token
	answer zync.Answer
	took   time.Duration
	gone   bool // the token was deleted, and not pushed
}

func newEngine(o *Options, run tasks.Run, mint *minter) *engine {
	now := time.Now()
	workers := o.Concurrency
	if workers == 0 {
		workers = maxWidth
	}
	return &engine{
		o: o, run: run, mint: mint, tally: newTally(),
		deadline: now.Add(run.Window.End.Sub(o.Now())),
		pace:     newPace(now, o.Rate),
		notes:    newNotes(),
		jobs:     make(chan *token),
		width:    newWidth(o.Concurrency, now),
		pushed:   make(chan pushed, workers),
		minted:   make(chan minted, 1),
		noted:    make(chan noted, 1),
		looked:   make(chan error, 1),
		drain:    run.Drain,
		progress: newProgress(now),
	}
}

// loop works until every tenant is served or given up, or the run must end. On
// return nothing of it runs any more.
func (e *engine) loop(ctx context.Context) error {
	e.startWorkers(ctx)
	defer close(e.jobs)
	e.progress.total = len(e.o.Only)
	if e.progress.total == 0 {
		e.progress.total, _ = e.o.Tenants.Count(ctx) // only to show how far the run is
	}
	ended := ctx.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !e.finished() {
		now := time.Now()
		e.giveUp(now)
		e.showProgress(now)
		e.startMint(ctx, now)
		e.startNote(ctx, now)
		e.startLook(ctx, now)
		next, jobs := e.nextJob(now)
		timer.Reset(e.wakeIn(now))
		select {
		case jobs <- next:
			e.queue.take(next)
			e.inFlight++
			e.pace.pushed(now)
		case p := <-e.pushed:
			e.settle(p)
			for range len(e.pushed) { // which have come meanwhile
				e.settle(<-e.pushed)
			}
		case m := <-e.minted:
			e.minting = false
			e.mintEnded(m)
		case n := <-e.noted:
			e.noting = false
			e.noteEnded(n)
		case err := <-e.looked:
			e.looking = false
			e.lookEnded(err)
		case <-e.drain:
			e.drain = nil
			e.stop(errDrained)
		case <-ended:
			ended = nil
			e.stop(context.Cause(ctx))
		case <-timer.C:
		}
	}
	return e.stopErr
}

// stop lets nothing new begin; what runs is waited for. The first reason counts.
func (e *engine) stop(why error) {
	if !e.stopping {
		e.stopping, e.stopErr = true, why
	}
}

func (e *engine) finished() bool {
	if e.inFlight > 0 || e.minting || e.noting || e.looking {
		return false
	}
	if e.stopping {
		return e.draining(time.Now()) == nil
	}
	return e.exhausted && e.queue.len() == 0
}

// draining returns what a run that was told to drain still has to push: the
// tokens in hand that are due, so that they were not minted in vain.
func (e *engine) draining(now time.Time) *token {
	if !errors.Is(e.stopErr, errDrained) || e.breaker.open {
		return nil
	}
	return e.queue.next(now)
}

// nextJob returns the next token to push, and the channel to send it on.
func (e *engine) nextJob(now time.Time) (*token, chan<- *token) {
	if e.inFlight >= e.width.now || now.Before(e.pace.nextAt) {
		return nil, nil
	}
	var next *token
	switch {
	case e.stopping:
		next = e.draining(now)
	case !e.breaker.open:
		next = e.queue.next(now)
	case e.probing && e.inFlight == 0:
		next = e.queue.probe()
	}
	if next == nil {
		return nil, nil
	}
	if next.limit = 0; next.tries == 0 && !e.breaker.open {
		next.limit = e.patient.limit()
	}
	return next, e.jobs
}

// wakeIn is how long the loop may sleep: a second at most, for the notes, the
// progress line and the window's end.
func (e *engine) wakeIn(now time.Time) time.Duration {
	wake := now.Add(time.Second)
	for _, at := range [...]time.Time{e.queue.wakeAt(), e.trouble.tryAt, e.breaker.lookAt, e.pace.nextAt} {
		if at.After(now) && at.Before(wake) {
			wake = at
		}
	}
	return wake.Sub(now)
}
