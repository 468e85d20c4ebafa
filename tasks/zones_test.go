package tasks

import (
	"archive/zip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scale is how many times more the property tests try than in each `go test`;
// SCHEDULES=50 takes minutes.
func scale() int {
	n, err := strconv.Atoi(os.Getenv("SCHEDULES"))
	if err != nil {
		return 1
	}
	return n
}

// zones returns the names of all zones that Go comes with.
func zones(t *testing.T) []string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	var names []string
	for _, file := range archive.File {
		if !strings.HasSuffix(file.Name, "/") && file.Name != "Factory" {
			names = append(names, file.Name)
		}
	}
	return names
}

// drawn is a schedule as its sets of numbers, written and matched without cron.
type drawn struct{ minutes, hours, days, months, weekdays []int }

func draw(random *rand.Rand) drawn {
	set := func(from, to, most int) []int {
		var numbers []int
		for range 1 + random.IntN(most) {
			numbers = append(numbers, from+random.IntN(to-from+1))
		}
		slices.Sort(numbers)
		return slices.Compact(numbers)
	}
	d := drawn{minutes: set(0, 59, 4), hours: set(0, 23, 6)}
	if random.IntN(3) == 0 {
		d.minutes = nil
	}
	if random.IntN(2) == 0 {
		d.hours = set(0, 3, 3) // where most clocks are set
	}
	if random.IntN(3) == 0 {
		d.hours = nil
	}
	switch random.IntN(4) {
	case 0:
		d.weekdays = set(0, 7, 5)
	case 1:
		d.days = set(1, 28, 20)
	}
	return d
}

// String writes the schedule as cron reads it.
func (d drawn) String() string {
	var fields []string
	for _, numbers := range [][]int{d.minutes, d.hours, d.days, d.months, d.weekdays} {
		field := "*"
		if numbers != nil {
			field = strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
		}
		fields = append(fields, field)
	}
	return strings.Join(fields, " ")
}

func (d drawn) matches(t time.Time) bool {
	in := func(numbers []int, n int) bool { return numbers == nil || slices.Contains(numbers, n) }
	weekday := in(d.weekdays, int(t.Weekday())) || (t.Weekday() == time.Sunday && in(d.weekdays, 7))
	return in(d.minutes, t.Minute()) && in(d.hours, t.Hour()) && in(d.days, t.Day()) && weekday
}

// firings says by the rule's own words when a schedule fires: it lists the zone's
// minutes one by one, takes each that the clock shows for the first time, and
// those that it skips at the minute after the skip.
func (d drawn) firings(zone *time.Location, from, until time.Time) []time.Time {
	wall := func(t time.Time) time.Time {
		_, offset := t.In(zone).Zone()
		return t.Add(time.Duration(offset) * time.Second)
	}
	seen := wall(from.Add(-24 * time.Hour)).Add(-time.Minute)
	var fired []time.Time
	for t := from.Add(-24 * time.Hour); t.Before(until); t = t.Add(time.Minute) {
		fires := false
		for ; seen.Before(wall(t)); seen = seen.Add(time.Minute) {
			fires = fires || d.matches(seen.Add(time.Minute))
		}
		if fires && !t.Before(from) {
			fired = append(fired, t)
		}
	}
	return fired
}

// TestSchedulesInAllZones: in every zone, a day before and a day after a moment at
// which its clock is set, from 2018 to 2030, a schedule fires when its rule says,
// and a window is the interval between two firings for whoever asks in it.
func TestSchedulesInAllZones(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	names := zones(t)
	if len(names) < 500 {
		t.Fatalf("%d zones", len(names))
	}
	for _, name := range names {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for range scale() {
			moment := changeAfter(zone, time.Unix(1514764800+random.Int64N(12*365*86400), 0)).UTC().Truncate(time.Minute)
			checkAround(t, random, draw(random), zone, moment)
		}
	}
}

// changeAfter returns when the zone's clock is set next; the moment itself where
// it is not within two years.
func changeAfter(zone *time.Location, moment time.Time) time.Time {
	if _, end := moment.In(zone).ZoneBounds(); !end.IsZero() && end.Sub(moment) < 2*366*24*time.Hour {
		return end
	}
	return moment
}

func checkAround(t *testing.T, random *rand.Rand, d drawn, zone *time.Location, moment time.Time) {
	t.Helper()
	s, err := ParseSchedule(d.String(), zone)
	if err != nil {
		t.Fatalf("%s: %v", d, err)
	}
	from, until := moment.Add(-24*time.Hour), moment.Add(24*time.Hour)
	want := d.firings(zone, from, until)
	last := from.Add(-time.Second)
	for _, fires := range want {
		got := s.Next(last)
		if !got.Equal(fires) {
			t.Fatalf("%q in %s after %s: fires at %s, want %s", s, zone, last, got, fires)
		}
		last = fires
	}
	if got := s.Next(last); got.Before(until) {
		t.Fatalf("%q in %s fires at %s, too", s, zone, got)
	}
	for range min(5, len(want)-1) {
		i := random.IntN(len(want) - 1)
		window := Window{Start: want[i].UTC(), End: want[i+1].UTC()}
		for _, now := range []time.Time{
			window.Start, window.End.Add(-1).Local(), window.Start.Add(rand.N(window.Length())).In(zone),
		} {
			if got := s.Window(now); got != window {
				t.Fatalf("%q in %s at %s: window %v, want %v", s, zone, now, got, window)
			}
		}
	}
}

// TestPurgeEachSunday: the default purge skips no week in the zones whose clocks
// are set at midnight.
func TestPurgeEachSunday(t *testing.T) {
	for _, zone := range []string{"America/Havana", "Asia/Beirut", "America/Santiago", "Australia/Lord_Howe", "America/Asuncion"} {
		s := mustParse(t, "0 0 * * 0", zone)
		from := at("2018-01-01 00:00:00.000")
		if longest := s.LongestBetween(from, from.AddDate(13, 0, 0)); longest.Length() > 169*time.Hour {
			t.Errorf("%s: no purge for %s from %s", zone, longest.Length(), longest.Start)
		}
	}
}
