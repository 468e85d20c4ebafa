package tasks

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron schedule in a time zone.
type Schedule struct {
	spec     string
	schedule cron.Schedule
	location *time.Location
}

// Window is the time from one firing of a schedule to the next. Each tenant is
// served at most once in it.
type Window struct{ Start, End time.Time }

// searchBack is how far a window's start is looked for; a schedule that has not
// fired for so long (29 February) has its window start there.
const searchBack = 5 * 366 * 24 * time.Hour

// ParseSchedule reads five cron fields, a descriptor such as @daily, or
// "@every <duration>", whose firings are multiples of the duration since 1970,
// so that every process sees the same windows.
func ParseSchedule(spec string, location *time.Location) (Schedule, error) {
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return Schedule{}, errors.New("no time zone here: it has a setting of its own")
	}
	parsed, err := cron.ParseStandard(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("not a cron schedule of five fields, nor a descriptor as @daily: %w", err)
	}
	if _, constant := parsed.(cron.ConstantDelaySchedule); constant {
		period, err := time.ParseDuration(strings.TrimPrefix(spec, "@every "))
		if err != nil || period < time.Second || period%time.Second != 0 {
			return Schedule{}, errors.New("@every takes a duration of whole seconds, one at least")
		}
		parsed = aligned(period)
	}
	s := Schedule{spec: spec, schedule: parsed, location: location}
	if s.Next(time.Now()).IsZero() {
		return Schedule{}, errors.New("it never fires")
	}
	return s, nil
}

// aligned fires at the multiples of a duration since 1970.
type aligned time.Duration

func (a aligned) Next(t time.Time) time.Time {
	period := time.Duration(a)
	return t.Add(period - time.Duration(t.UnixNano()%int64(period))).Round(0)
}

// Next returns the first firing after t, in UTC; zero where there is none.
func (s Schedule) Next(t time.Time) time.Time {
	next := s.schedule.Next(t.In(s.location))
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// Window returns the window that now lies in.
func (s Schedule) Window(now time.Time) Window {
	window := Window{Start: now.Add(-searchBack).UTC(), End: s.Next(now)}
	for back := time.Second; back < searchBack; back *= 2 {
		fired := s.Next(now.Add(-back))
		if fired.IsZero() || fired.After(now) {
			continue
		}
		for !fired.IsZero() && !fired.After(now) {
			window.Start, fired = fired, s.Next(fired)
		}
		break
	}
	return window
}

// LongestWindow returns the longest of the next windows after t: of a year, or
// of the next thousand where those are fewer.
func (s Schedule) LongestWindow(t time.Time) time.Duration {
	var longest time.Duration
	last := t.AddDate(1, 0, 0)
	fired := s.Next(t)
	for range 1000 {
		next := s.Next(fired)
		if next.IsZero() {
			return searchBack
		}
		longest = max(longest, next.Sub(fired))
		if next.After(last) {
			break
		}
		fired = next
	}
	return longest
}

// String returns the schedule as it was written.
func (s Schedule) String() string { return s.spec }
