package check

import (
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// firings is how many of the next firings are listed.
const firings = 5

// schedule lists when the tasks run next, and the longest time of the year in which they
// do not.
func (c *check) schedule(now time.Time) {
	s := c.cfg.Schedule
	c.ok("token life", "tokens live for %s; the longest time between two rotations, in the next 28 years, is %s", s.TokenTTL, s.Rotate.LongestGap(now))
	for _, task := range []struct {
		name     string
		schedule tasks.Schedule
	}{{"rotate", s.Rotate}, {"janitor", s.Janitor}} {
		var next []string
		for _, at := range task.schedule.Upcoming(now, firings) {
			next = append(next, moment(at, s.Timezone))
		}
		c.ok("schedule of "+task.name, "%s: %s", task.schedule, strings.Join(next, ", "))
		gap := task.schedule.LongestBetween(now, now.AddDate(1, 0, 0))
		c.ok("longest gap of "+task.name, "%s in the next year: from %s to %s", gap.Length().Round(time.Second), moment(gap.Start, s.Timezone), moment(gap.End, s.Timezone))
	}
}

// moment is a time in the schedules' zone, and in UTC if that is another one.
func moment(at time.Time, zone *time.Location) string {
	const layout = "2006-01-02 15:04:05 MST"
	text := at.In(zone).Format(layout)
	if utc := at.UTC().Format(layout); utc != text {
		text += " (" + utc + ")"
	}
	return text
}
