package daemon

import (
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// stopsLine is the status line of a daemon that was told to stop.
const stopsLine = "stopping; what is under way is finished first"

// tally is how the last run for everyone ended, in this or another process.
type tally struct {
	ended           time.Time // zero if no run is known
	served, failing int
	everyone        bool // the run reached every item
}

func tallyOf(report tasks.Report, ended time.Time) tally {
	return tally{ended, report.Result.Done, report.Result.Failed, report.Result.Complete}
}

func tallyKnown(run ledger.Run) tally {
	return tally{run.Ended, run.Counts["delivered"] + run.Counts["already"], run.Counts["failed"], run.Complete}
}

func (t tally) line(now time.Time) string {
	switch {
	case t.ended.IsZero():
		return "no rotation is known"
	case !t.everyone:
		return "the rotation of " + hour(t.ended, now) + " did not reach everyone"
	case t.failing > 0:
		return fmt.Sprintf("%d of %d served at %s, %d failing", t.served, t.served+t.failing, hour(t.ended, now), t.failing)
	}
	return fmt.Sprintf("%d of %d served at %s", t.served, t.served, hour(t.ended, now))
}

// statusLine says in one line how the daemon and the rotations do:
//
//	leader; 196 of 196 served at 14:00; next 15:00 UTC
func (d *Daemon) statusLine() string {
	now, rotation := d.o.Now(), d.rotate
	line := map[string]string{
		leads: "leader", standsBy: "standby", withoutRedis: "alone, no leader's rotation reaches everyone",
		OtherPorta: "nothing is done, the keys on Redis are another Porta's",
	}[d.Role()]
	switch {
	case d.Role() == withoutRedis:
		rotation = d.alone.job
		if d.alone.redisAway.Load() {
			line = "alone, Redis is away"
		}
	case d.porta.unknown.Load():
		line = "MySQL does not answer, not leading"
	case d.alone.redisAway.Load():
		line = "Redis is away, nobody leads"
	}
	if rotation.atWork() {
		line += "; rotation at work"
	}
	if d.janitor.atWork() {
		line += "; purge at work"
	}
	return line + "; " + rotation.lastTally().line(now) + "; next " + hour(rotation.Schedule.Next(now), now) + " UTC"
}

// hour formats a time in UTC, with the date unless it is today's.
func hour(t, now time.Time) string {
	if t, now = t.UTC(), now.UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("2006-01-02 15:04")
	}
	return t.UTC().Format("15:04")
}
