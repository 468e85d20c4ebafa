package status

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// runbook is the page that says what to do about a problem.
const runbook = "https://github.com/token-scheduler/token-scheduler/blob/main/docs/runbook.md#"

// The paragraphs of the runbook.
const (
	aboutRotations = "tokenschedulernosuccessfulrotation"
	aboutRisk      = "tokenschedulertenantsatrisk"
	aboutFailing   = "tokenschedulertenantsfailing"
	aboutLeader    = "tokenschedulernoleader"
	aboutRedis     = "tokenschedulerwithoutredis"
	aboutPurges    = "tokenschedulerjanitoroverdue"
	aboutGateway   = "tokenschedulergatewaygone"
	aboutSilence   = "tokenschedulergatewaysilent"
	aboutPorta     = "tokenschedulerotherporta"
)

// Problem is something that an operator should look at.
type Problem struct {
	Text  string
	About string // the paragraph of the runbook; empty if there is none
}

// MarshalJSON writes the text alone.
func (p Problem) MarshalJSON() ([]byte, error) { return json.Marshal(p.Text) }

// Runbook is the runbook's section about the problem.
func (p Problem) Runbook() string { return runbook + p.About }

// found collects problems.
type found []Problem

func (f *found) say(about, format string, args ...any) {
	*f = append(*f, Problem{fmt.Sprintf(format, args...), about})
}

// problems says what an operator should look at, the worst first. If a tenant was
// asked for, it is about that tenant alone.
func problems(st Status, plan Plan) []Problem {
	f := found{}
	if st.OtherPorta != "" {
		f.say(aboutPorta, "%s. All that is shown here is the other Porta's", st.OtherPorta)
	}
	if st.Tenant != nil {
		for _, text := range st.Tenant.problems(st) {
			f.say(aboutFailing, "%s", text)
		}
		return f
	}
	st.Placeholders.problems(&f)
	if st.Tenants.AtRisk > 0 {
		f.say(aboutRisk, "%s at risk; %s", tenants(st.Tenants.AtRisk), firstExpiry(st))
	}
	switch {
	case st.Leader != nil || needsNoLeader(st):
	case st.portaUnknown != "":
		f.say(aboutLeader, "nobody leads: a daemon waits until MySQL answers it: %s", st.portaUnknown)
	default:
		f.say(aboutLeader, "nobody leads: is a daemon running? If so, its log says why it does not lead")
	}
	if problem := missedRotations(st, plan.Rotate); problem != "" {
		f.say(aboutRotations, "%s", problem)
	}
	if missedPurges(st, plan.Janitor) {
		f.say(aboutPurges, "no purge has succeeded for two windows")
	}
	for _, t := range st.Tasks {
		if t.Last != nil && t.Last.Outcome == string(tasks.Failed) && t.RunningBy == nil {
			f.say(aboutTask(t.Task), "the last run of %s: %s", t.Task, t.Last.Error)
		}
	}
	if n := st.Tenants.Failing; n > 0 {
		f.say(aboutFailing, "%s failing: the last push to Zync did not succeed", tenants(n))
	}
	return f
}

// problemsWithoutRedis are those that this process knows of by itself.
func problemsWithoutRedis(st Status) []Problem {
	f := found{}
	f.say(aboutRedis, "%s", noRedis)
	if rotate := st.task(tasks.Rotate); rotate.Last == nil && rotate.RunningBy == nil {
		return f
	}
	f.say(aboutRedis, "this process rotates under MySQL's lock alone until Redis is back; the figures are its own")
	for _, p := range st.Problems {
		if p.About != aboutLeader && p.About != aboutPurges { // nobody can know
			f = append(f, p)
		}
	}
	return f
}

func aboutTask(task string) string {
	if task == tasks.Janitor {
		return aboutPurges
	}
	return aboutRotations
}

// firstExpiry says when the first token of those at risk expires.
func firstExpiry(st Status) string {
	switch at := st.Tenants.FirstExpires; {
	case at.IsZero():
		return "the age of their tokens is not known"
	case !at.After(st.Now):
		return "the first token has expired " + inWords(st.Now.Sub(at)) + " ago"
	default:
		return "the first token expires in " + inWords(at.Sub(st.Now))
	}
}

// lastRuns is how many runs tell whether an installation has daemons.
const lastRuns = 10

// needsNoLeader is true if no daemon is there and cron, or an operator, does all runs.
func needsNoLeader(st Status) bool {
	byHand := func(runs []ledger.Run) bool {
		for _, run := range runs {
			if !run.ByHand {
				return false
			}
		}
		return len(runs) > 0
	}
	return len(st.Standbys) == 0 && byHand(st.History[:min(len(st.History), lastRuns)])
}

func missedRotations(st Status, schedule tasks.Schedule) string {
	rotate := st.task(tasks.Rotate)
	switch {
	case rotate.Last == nil && rotate.RunningBy == nil:
		return "no rotation is on record"
	case rotate.Last == nil:
		return ""
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
