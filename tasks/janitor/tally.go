package janitor

import (
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// tally counts what happened to the stale tokens.
type tally struct {
	purged, kept int
	said         time.Time // when progress was last logged
}

func (t *tally) result() tasks.Result {
	return tasks.Result{
		Counts:  []tasks.Count{{Name: "purged", N: t.purged}, {Name: "kept", N: t.kept}},
		Done:    t.purged + t.kept,
		Changed: t.purged > 0,
	}
}

func (t *tally) progress(run tasks.Run, lastID int64) {
	run.Step()
	run.Progress(tasks.Progress{Done: t.purged + t.kept})
	if now := time.Now(); now.Sub(t.said) >= progressEvery {
		t.said = now
		run.Log.Info("purge in progress", "purged", t.purged, "kept", t.kept, "last_id", lastID)
	}
}
