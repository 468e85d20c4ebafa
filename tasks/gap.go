package tasks

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// calendarYears is the number of years after which dates fall on the same weekdays
	// again.
	calendarYears = 28
	// endless is the length of a gap that does not end within the five years that the
	// library looks ahead.
	endless = 5 * 366 * 24 * time.Hour
)

// LongestGap returns the longest time without a firing from now on: the time until the
// first firing, and the times between firings in the next 28 years. In these, every
// date falls on every weekday.
func (s Schedule) LongestGap(now time.Time) time.Duration {
	return s.LongestBetween(now, now.AddDate(calendarYears, 0, 0)).Length()
}

// LongestBetween returns the longest time without a firing that begins at from, or with
// a firing between from and until. If several are equally long, it returns the first
// one.
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

// restOfDay returns the longest gap from a firing to the last firing of its day, and
// that last firing. Every day has the same minutes, so it need not walk through them.
// If the clock is set later on that day, or if the day's longest gap may be before the
// firing, it returns the firing itself.
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

// minutesOf returns the two firings of a day with the longest gap between them, and the
// day's last firing, as times since midnight. If several gaps are equally long, it
// returns the last one.
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
