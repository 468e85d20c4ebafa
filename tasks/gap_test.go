package tasks

import (
	"math/rand/v2"
	"testing"
	"time"
)

func mustParse(t *testing.T, spec, zone string) Schedule {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSchedule(spec, location)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLongestGap: whatever the day on which one asks, the answer is the same.
func TestLongestGap(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		spec, zone string
		want       time.Duration
	}{
		{"0 * * * *", "UTC", time.Hour},
		{"* * * * *", "UTC", time.Minute},
		{"0 8-18 * * *", "UTC", 14 * time.Hour},
		{"0 0 * * 0", "UTC", 7 * day},
		{"@every 7s", "UTC", 7 * time.Second},
		{"*/2 * * * 1-5", "UTC", 2*day + 2*time.Minute},
		{"* * * 1-11 *", "UTC", 31*day + time.Minute},
		{"0 0 29 2 *", "UTC", 4*365*day + day},
		{"0 0 31 * *", "UTC", 61 * day},
		{"0 0 13 2 *", "UTC", 366 * day},
		{"*/5 * * * *", "Europe/Berlin", time.Hour + 5*time.Minute},
		{"0 * * * *", "Australia/Lord_Howe", time.Hour + 30*time.Minute},
		{"0 0 * * 0", "America/Havana", 7*day + time.Hour},
	} {
		s := mustParse(t, c.spec, c.zone)
		for _, weekday := range []int{0, 2, 5} {
			now := at("2026-11-16 10:00:30.500").AddDate(0, 0, weekday)
			if got := s.LongestGap(now); got != c.want {
				t.Errorf("%s in %s, asked on %s: %s, want %s", c.spec, c.zone, now.Weekday(), got, c.want)
			}
		}
	}
}

func TestLongestBetweenCountsFromNow(t *testing.T) {
	saturday := at("2026-11-21 10:00:00.000")
	s := mustParse(t, "*/2 * * * 1-5", "UTC")
	want := Window{Start: saturday, End: at("2026-11-23 00:00:00.000")}
	if got := s.LongestBetween(saturday, saturday.AddDate(0, 0, 5)); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestUpcoming(t *testing.T) {
	got := mustParse(t, "0 0 * * 7", "UTC").Upcoming(at("2026-11-21 10:00:00.000"), 3)
	for i, want := range []string{"2026-11-22 00:00:00.000", "2026-11-29 00:00:00.000", "2026-12-06 00:00:00.000"} {
		if len(got) != 3 || !got[i].Equal(at(want)) {
			t.Fatalf("firings %v", got)
		}
	}
}

// TestLongestBetweenIsWhatWalkingFinds: the answer is that of a walk from firing to
// firing, in zones that set their clocks by an hour, by a half, and at midnight.
func TestLongestBetweenIsWhatWalkingFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	for n := range 60 * scale() {
		zone := []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca", "Antarctica/Troll"}[n%5]
		drawn := draw(random)
		s := mustParse(t, drawn.String(), zone)
		from := time.Unix(random.Int64N(12*365*86400)+1514764800, random.Int64N(1e9)).UTC()
		until := from.AddDate(0, 0, 1+random.IntN(60))
		want := Window{Start: from, End: from}
		for last := from; last.Before(until); {
			next := s.Next(last)
			want, last = longer(want, Window{Start: last, End: next}), next
		}
		if got := s.LongestBetween(from, until); got.Length() != want.Length() {
			t.Errorf("%s in %s from %s until %s: %v, want %v", drawn, zone, from, until, got, want)
		}
	}
}
