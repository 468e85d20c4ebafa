package daemon

import "time"

// hungFor is how long a daemon waits after a run was abandoned, so that a health check sees
// it. It does nothing meanwhile.
const hungFor = time.Minute

// Hung is true if a run makes no step and does not end. It may still hold the writer's
// lock in MySQL, which keeps all other schedulers from writing, so the process must be
// restarted. It is safe for concurrent use.
func (d *Daemon) Hung() bool { return d.rotate.hangs() || d.janitor.hangs() || d.alone.hangs() }

// giveUp lets a health check restart the process, and ends the daemon otherwise.
func (d *Daemon) giveUp(drain <-chan struct{}) {
	d.become(standsBy)
	d.o.Log.Error("a run hangs; another process can lead, and this one ends", "in", hungFor)
	d.pause(hungFor, drain)
}
