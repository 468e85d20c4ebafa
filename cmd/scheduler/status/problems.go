package status

import (
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// problems says what an operator should look at, the worst first.
func problems(st Status, plan Plan) []string {
	found := []string{}
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if st.Tenants.AtRisk > 0 {
		say("tenants at risk: %d. Zync's token has passed half its life, or its age is not known", st.Tenants.AtRisk)
	}
	if st.Leader == nil {
		say("nobody leads: is a daemon running?")
	}
	if problem := missedRotations(st, plan.Rotate); problem != "" {
		say("%s", problem)
	}
	if missedPurges(st, plan.Janitor) {
		say("no purge has succeeded for two windows")
	}
	for _, t := range st.Tasks {
		if t.Last != nil && t.Last.Error != "" && t.RunningBy == nil {
			say("the last run of %s: %s", t.Task, t.Last.Error)
		}
	}
	if st.Tenants.Failing > 0 {
		say("tenants failing: %d. Their last push to Zync did not succeed", st.Tenants.Failing)
	}
	return found
}

func missedRotations(st Status, schedule tasks.Schedule) string {
	rotate := st.task(tasks.Rotate)
	switch {
	case rotate.Last == nil:
		return "no rotation is on record"
	case done(rotate).Before(windowBefore(schedule, st.Now)):
		return "no rotation has reached everyone for two windows"
	}
	return ""
}

func missedPurges(st Status, schedule tasks.Schedule) bool {
	janitor, before := st.task(tasks.Janitor), windowBefore(schedule, st.Now)
	if janitor.Last == nil && (st.Leader == nil || st.Leader.Started.After(before)) {
		return false // a young installation: its first purge is still to come
	}
	return janitor.LastSuccess.Before(before)
}

// windowBefore returns the start of the window before the one that now lies in.
func windowBefore(schedule tasks.Schedule, now time.Time) time.Time {
	current := schedule.Window(now)
	return schedule.Window(current.Start.Add(-time.Nanosecond)).Start
}

// done returns when a run last reached everyone.
func done(t Task) time.Time {
	if t.LastSuccess.After(t.LastComplete) {
		return t.LastSuccess
	}
	return t.LastComplete
}
