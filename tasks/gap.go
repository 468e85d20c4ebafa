package tasks

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// calendarYears is after how many years dates fall on the same weekdays again.
	calendarYears = 28
	// endless is the length of a gap that the schedule does not end within the five
	// years that the library looks ahead.
	endless = 5 * 366 * 24 * time.Hour
)

// LongestGap returns the longest time without a firing from now on: that until the
// first firing, and those between two firings of the next 28 years, in which every
// date falls on every weekday.
func (s Schedule) LongestGap(now time.Time) time.Duration {
	return s.LongestBetween(now, now.AddDate(calendarYears, 0, 0)).Length()
}

// LongestBetween returns the longest time without a firing that begins at from, or
// later with a firing before until. The first of several that are as long.
func (s Schedule) LongestBetween(from, until time.Time) Window {
	longest := Window{Start: from.UTC(), End: from.UTC()}
	for last := from.UTC(); last.Before(until); {
		next := s.Next(last)
		if next.IsZero() {
			return Window{Start: last, End: last.Add(endless)}
		}
		longest = longer(longest, Window{Start: last, End: next})
		if period, constant := s.times.(aligned); constant {
			return longer(longest, Window{Start: next, End: next.Add(time.Duration(period))})
		}
		inner, end := s.restOfDay(next)
		longest, last = longer(longest, inner), end
	}
	return longest
}

func longer(a, b Window) Window {
	if b.Length() > a.Length() {
		return b
	}
	return a
}

// restOfDay returns the longest gap from a firing to the last one of its day, and
// that last one. Every day has the same minutes, so that nothing is walked through.
// It returns the firing itself where the clock is set later on that day, or where
// the longest gap of a day may lie before the firing.
func (s Schedule) restOfDay(fired time.Time) (inner Window, last time.Time) {
	spec, isSpec := s.times.(*cron.SpecSchedule)
	if !isSpec {
		return Window{Start: fired, End: fired}, fired
	}
	wall := s.clock.shown(fired)
	midnight := wall.Truncate(24 * time.Hour)
	from, to, final := minutesOf(spec)
	end := fired.Add(midnight.Add(final).Sub(wall))
	_, change := s.clock.steady(fired)
	settled := change.IsZero() || end.Before(change)
	if !settled || s.clock.read(fired) != wall || wall.After(midnight.Add(from)) {
		return Window{Start: fired, End: fired}, fired
	}
	start := fired.Add(midnight.Add(from).Sub(wall))
	return Window{Start: start, End: start.Add(to - from)}, end
}

// minutesOf returns, as times since midnight, between which two firings of a day
// the longest gap is, the last where several are as long, and the day's last firing.
func minutesOf(spec *cron.SpecSchedule) (from, to, final time.Duration) {
	final = -1
	for hour := range 24 {
		for minutes := spec.Minute & (1<<60 - 1); spec.Hour>>hour&1 == 1 && minutes != 0; minutes &= minutes - 1 {
			next := time.Duration(hour)*time.Hour + time.Duration(bits.TrailingZeros64(minutes))*time.Minute
			if final >= 0 && next-final >= to-from {
				from, to = final, next
			}
			final = next
		}
	}
	return from, to, final
}
