package tasks

import "time"

// wallClock is the wall clock of a time zone that never goes back. When the zone's
// clock is set back, this one stops until the zone's clock has caught up.
//
// A time of the wall clock is written as the same time in UTC.
type wallClock struct{ location *time.Location }

// unsettled is longer than any zone's clock was ever set back, and than any difference
// from UTC.
const unsettled = 48 * time.Hour

// shown returns the latest whole second that the clock has shown until t.
func (c wallClock) shown(t time.Time) time.Time {
	latest := c.read(t)
	start, _ := c.steady(t)
	for !start.IsZero() && t.Sub(start) < unsettled {
		before := start.Add(-time.Second)
		if read := c.read(before); read.After(latest) {
			latest = read
		}
		start, _ = c.steady(before)
	}
	return latest
}

// reaches returns the first moment after t at which the clock shows wall or a later
// time. The clock must not have reached wall at t.
func (c wallClock) reaches(wall, t time.Time) time.Time {
	if near := wall.Add(-unsettled); near.After(t) {
		t = near
	}
	for {
		start, end := c.steady(t)
		moment := t.Add(wall.Sub(c.read(t))).Truncate(time.Second)
		if moment.Before(start) {
			moment = start // the clock has skipped it
		}
		if end.IsZero() || moment.Before(end) {
			return moment.UTC()
		}
		t = end
	}
}

// steady returns the time around t in which the clock is not set: its start and its
// end, zero if there is none. On the last day of a leap year, ZoneBounds may return an
// end that is already past. Then the end is an hour after t, and the caller asks again
// there.
func (c wallClock) steady(t time.Time) (start, end time.Time) {
	start, end = t.In(c.location).ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		end = t.Add(time.Hour)
	}
	return start, end
}

// read returns what the zone's clock shows at t, in whole seconds.
func (c wallClock) read(t time.Time) time.Time {
	_, offset := t.In(c.location).Zone()
	return time.Unix(t.Unix()+int64(offset), 0).UTC()
}
