package tasks

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron schedule in a time zone. It implements [cron.Schedule].
//
// Each minute of the zone's wall clock that matches the fields fires once. A
// minute that the clock skips, when daylight saving time begins, fires right after
// the skip. A minute that the clock shows twice, when daylight saving time ends,
// fires the first time only. So an hourly schedule has one interval of two hours
// a year in such a zone, and none in UTC.
type Schedule struct {
	spec  string
	times cron.Schedule // of a wall clock that neither skips nor repeats
	clock wallClock
}

// Window is the time from one firing of a schedule to the next. In it, each tenant is
// served at most once.
type Window struct{ Start, End time.Time }

// Length is the time from start to end.
func (w Window) Length() time.Duration { return w.End.Sub(w.Start) }

// ParseSchedule reads five cron fields, a descriptor such as @daily, or "@every
// <duration>". Firings of the latter are multiples of the duration since 1970, so that
// every process sees the same windows. Sunday is 0 or 7.
func ParseSchedule(spec string, location *time.Location) (Schedule, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return Schedule{}, errors.New("it must not name a time zone: use --timezone (SCHEDULE_TIMEZONE)")
	}
	parsed, err := cron.ParseStandard(sundayAsZero(spec))
	if err != nil {
		return Schedule{}, fmt.Errorf("neither a cron schedule of five fields nor a descriptor such as @daily: %w", err)
	}
	s := Schedule{spec: spec, times: parsed, clock: wallClock{location}}
	if _, constant := parsed.(cron.ConstantDelaySchedule); constant {
		period, err := time.ParseDuration(strings.TrimPrefix(spec, "@every "))
		if err != nil || period < time.Second || period%time.Second != 0 {
			return Schedule{}, errors.New("@every needs a duration of whole seconds, at least one")
		}
		s.times, s.clock = aligned(period), wallClock{time.UTC}
	}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, errors.New("it never fires")
	}
	return s, nil
}

// aligned fires at the multiples of a duration since 1970.
type aligned time.Duration

// Next implements [cron.Schedule].
func (a aligned) Next(t time.Time) time.Time {
	period := int64(time.Duration(a) / time.Second)
	since := t.Unix() % period
	if since < 0 { // before 1970
		since += period
	}
	return time.Unix(t.Unix()-since+period, 0)
}

// Next returns the first firing after t, in UTC. It is zero if there is none within
// five years.
func (s Schedule) Next(t time.Time) time.Time {
	shown := s.times.Next(s.clock.shown(t))
	if shown.IsZero() {
		return shown
	}
	return s.clock.reaches(shown, t)
}

// Upcoming returns the next n firings after now.
func (s Schedule) Upcoming(now time.Time, n int) []time.Time {
	var firings []time.Time
	for fired := s.Next(now); len(firings) < n && !fired.IsZero(); fired = s.Next(fired) {
		firings = append(firings, fired)
	}
	return firings
}

// Window returns the window that contains now. It is the same for every now in it.
func (s Schedule) Window(now time.Time) Window {
	return Window{Start: s.last(now), End: s.Next(now)}
}

// last returns the last firing that is not after now. It looks back in steps that
// double, and then halves the last step until it is a second.
func (s Schedule) last(now time.Time) time.Time {
	const furthest = 1 << 33 // seconds: the longest duration of @every, nearly
	seconds := 1
	for s.firesNotBy(now, seconds) && seconds < furthest {
		seconds *= 2
	}
	seconds = sort.Search(seconds, func(n int) bool { return !s.firesNotBy(now, n) })
	return s.Next(now.Add(-time.Duration(seconds) * time.Second))
}

// firesNotBy tells whether the schedule did not fire in the last seconds before now.
func (s Schedule) firesNotBy(now time.Time, seconds int) bool {
	fired := s.Next(now.Add(-time.Duration(seconds) * time.Second))
	return fired.IsZero() || fired.After(now)
}

// String returns the schedule as it was written.
func (s Schedule) String() string { return s.spec }
