package rotate

import (
	"context"
	"errors"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// Rotation is the task. One run of it is at work at a time.
type Rotation struct {
	o        Options
	zync     *health
	patience *patience
	memory   *memory
	said     said
	watch    watch
	recall   *recall
}

// New returns a rotation.
func New(o Options) *Rotation {
	o.Force = o.Force || o.Revoke
	return &Rotation{
		o: o, zync: newHealth(), patience: &patience{}, memory: newMemory(), said: said{o.Said, map[string]string{}}, recall: &recall{},
	}
}

// related returns a rotation with other options, which shares what this one knows.
func (r *Rotation) related(o Options) *Rotation {
	other := New(o)
	other.zync, other.patience, other.memory, other.said, other.recall = r.zync, r.patience, r.memory, r.said, r.recall
	return other
}

// Name implements [tasks.Task].
func (*Rotation) Name() string { return tasks.Rotate }

// Nothing implements [tasks.Task].
func (r *Rotation) Nothing() tasks.Result {
	result := newTally().result()
	result.Chosen = len(r.o.Only) > 0
	return result
}

// Run implements [tasks.Task].
func (r *Rotation) Run(ctx context.Context, run tasks.Run) (tasks.Result, error) {
	what := r.firstPass(ctx, run.Log)
	if r.o.DryRun {
		return r.dryRun(ctx, run, what)
	}
	tally, result, err := r.walk(ctx, run, what)
	if errors.Is(err, errWithheld) {
		what = pass{recalls: true}
		tally, result, err = r.walk(ctx, run, what)
	}
	if tally == nil {
		return result, err
	}
	r.logOwnerless(ctx, run, tally, result.Complete)
	if !r.o.Revoke {
		tally.grouped.log(run.Log)
	}
	tally.logAtRisk(run.Log, r.o.Now(), r.o.TTL)
	r.logStrays(ctx, run)
	r.noteRecall(ctx, what, result)
	return result, err
}

// walk serves the tenants that are due in one pass. The tally is nil if it could not
// begin.
func (r *Rotation) walk(ctx context.Context, run tasks.Run, pass pass) (*tally, tasks.Result, error) {
	plan, err := newPlan(ctx, &r.o, run, pass)
	if err != nil {
		return nil, r.Nothing(), err
	}
	mint := &minter{o: &r.o, plan: plan, memory: r.memory, window: run.Window.Start}
	e := newEngine(r, run, mint)
	result, err := e.finish(ctx, e.loop(ctx))
	r.watch.delivered(e.results.recent.all())
	if closeErr := mint.close(); closeErr != nil {
		run.Log.Warn("writer not closed cleanly; MySQL closes it by itself", "err", closeErr)
	}
	return e.tally, result, err
}

func (r *Rotation) dryRun(ctx context.Context, run tasks.Run, pass pass) (tasks.Result, error) {
	plan, err := newPlan(ctx, &r.o, run, pass)
	if err != nil {
		return r.Nothing(), err
	}
	t := newTally()
	t.placing = pass.placing
	for {
		due, err := plan.next(ctx, pageSize, t)
		if err != nil || len(due) == 0 {
			return t.result(), err
		}
		t.delivered += len(due)
		if !pass.placing {
			t.minted += len(due)
		}
	}
}
