package tasks

import (
	"context"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// recordEvery is how often the progress of a run is recorded.
const recordEvery = 3 * time.Second

// follower reports how far a run is: to this process at once, and to the record every few
// seconds.
type follower struct {
	r     *Runner
	run   Run
	task  string
	began time.Time

	mu   sync.Mutex
	last Progress
}

// follow reports the run's progress until the returned function is called. The record is a
// hint: a run does not wait for it, and does not fail if it fails.
func (r *Runner) follow(ctx context.Context, task string, run *Run) (end func()) {
	f := &follower{r: r, run: *run, task: task, began: r.Now()}
	run.Progress = f.note
	ctx, cancel := context.WithCancel(ctx)
	var recording sync.WaitGroup
	recording.Go(func() {
		tick := time.NewTicker(recordEvery)
		defer tick.Stop()
		for {
			f.record(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		cancel()
		recording.Wait()
		r.Metrics.progress(task, Progress{})
	}
}

// note implements [Run.Progress].
func (f *follower) note(p Progress) {
	f.mu.Lock()
	f.last = p
	f.mu.Unlock()
	f.r.Metrics.progress(f.task, p)
	f.run.Progress(p)
}

func (f *follower) record(ctx context.Context) {
	f.mu.Lock()
	p := f.last
	f.mu.Unlock()
	err := f.r.Record.RecordProgress(ctx, f.task, ledger.Progress{
		RunID: f.run.ID, Began: f.began.UTC(), At: f.r.Now().UTC(), Done: p.Done, Failing: p.Failing, Total: p.Total,
	})
	if err != nil && ctx.Err() == nil {
		f.run.Log.Debug("progress not recorded", "err", err)
	}
}
