package daemon

import (
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// atWork is true while a run is.
func (j *job) atWork() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running
}

// hangs is true after a run was abandoned.
func (j *job) hangs() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.hung
}

// abandoned notes that a run besides the schedule's was abandoned.
func (j *job) abandoned() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hung = true
}

// last is when the last run that reached everyone began, and the last one without failures.
func (j *job) last() (complete, success time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.course.complete, j.course.success
}

func (j *job) lastTally() tally {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tallied
}

// noted is when this process learned of the last run that reached everyone, by the monotonic
// clock.
func (j *job) noted() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.course.noted
}

// known notes the record of the last runs of any process. A future time comes from a wrong
// clock, so any other time replaces it.
func (j *job) known(last ledger.Task) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := &j.course
	wrong := c.complete.After(j.now()) && !last.Complete.IsZero() && !last.Complete.Equal(c.complete)
	if last.Complete.After(c.complete) || wrong {
		c.complete, c.noted = last.Complete, time.Now()
	}
	if last.Success.After(j.course.success) {
		j.course.success = last.Success
	}
	if last.Last != nil && last.Last.Ended.After(j.tallied.ended) {
		j.tallied = tallyKnown(*last.Last)
	}
}

// reached notes that a run besides the schedule's has reached somebody.
func (j *job) reached() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.course.nobodySince = time.Time{}
}

// nobodyFor is how long runs have reached nobody. It is zero while one is at work.
func (j *job) nobodyFor() time.Duration {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running || j.course.nobodySince.IsZero() {
		return 0
	}
	return time.Since(j.course.nobodySince)
}

// reaches is true if a run is at work, or one has lately reached somebody.
func (j *job) reaches(lately time.Duration) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.running || (!j.course.reached.IsZero() && time.Since(j.course.reached) <= lately)
}
