package tasks

import (
	"testing"
	"time"
)

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05.000", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec             string
		zone             *time.Location
		now, start, next string
	}{
		{"0 * * * *", time.UTC, "2026-11-21 10:00:00.000", "2026-11-21 10:00:00.000", "2026-11-21 11:00:00.000"},
		{"0 * * * *", time.UTC, "2026-11-21 10:59:59.999", "2026-11-21 10:00:00.000", "2026-11-21 11:00:00.000"},
		{"* * * * *", time.UTC, "2026-11-21 10:00:00.001", "2026-11-21 10:00:00.000", "2026-11-21 10:01:00.000"},
		{"0 0 * * 0", time.UTC, "2026-11-21 10:00:00.000", "2026-11-15 00:00:00.000", "2026-11-22 00:00:00.000"},
		{"0 0 * * 0", berlin, "2026-11-21 23:30:00.000", "2026-11-21 23:00:00.000", "2026-11-28 23:00:00.000"},
		{"*/5 1 * * *", time.UTC, "2026-11-21 23:00:00.000", "2026-11-21 01:55:00.000", "2026-11-22 01:00:00.000"},
		{"@every 90s", time.UTC, "1970-01-01 00:04:00.000", "1970-01-01 00:03:00.000", "1970-01-01 00:04:30.000"},
		{"@daily", time.UTC, "2026-11-21 10:00:00.000", "2026-11-21 00:00:00.000", "2026-11-22 00:00:00.000"},
		// 02:30 does not exist on the night on which summer time begins, and is there
		// twice on the night on which it ends.
		{"30 2 * * *", berlin, "2026-03-29 10:00:00.000", "2026-03-29 01:00:00.000", "2026-03-30 00:30:00.000"},
		{"30 2 * * *", berlin, "2026-10-25 01:45:00.000", "2026-10-25 00:30:00.000", "2026-10-26 01:30:00.000"},
		{"0 * * * *", berlin, "2026-10-25 01:00:00.000", "2026-10-25 00:00:00.000", "2026-10-25 02:00:00.000"},
		{"0 0 * * 7", time.UTC, "2026-11-21 10:00:00.000", "2026-11-15 00:00:00.000", "2026-11-22 00:00:00.000"},
		{"0 0 29 2 *", time.UTC, "2026-11-21 10:00:00.000", "2024-02-29 00:00:00.000", "2028-02-29 00:00:00.000"},
		{"@every 50000h", time.UTC, "2026-11-21 10:00:00.000", "2021-05-03 00:00:00.000", "2027-01-15 08:00:00.000"},
	} {
		s, err := ParseSchedule(c.spec, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		want := Window{Start: at(c.start), End: at(c.next)}
		if got := s.Window(at(c.now)); got != want {
			t.Errorf("%s in %s at %s: window %v, want %v", c.spec, c.zone, c.now, got, want)
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for _, spec := range []string{"", "* * * *", "61 * * * *", "0 0 30 2 *", "TZ=UTC * * * * *", "CRON_TZ=UTC * * * * *", "@never", "@every -1h", "@every x"} {
		if s, err := ParseSchedule(spec, time.UTC); err == nil {
			t.Errorf("%q was taken for %v", spec, s)
		}
	}
}

// FuzzParseSchedule: whatever the text, there is an error or a schedule whose
// windows hold the moment that they were asked for.
func FuzzParseSchedule(f *testing.F) {
	for _, seed := range []string{"0 * * * *", "*/7 1-5 * 2,3 MON", "@every 1h", "@weekly", "0 0 29 2 *", "? ? ? ? ?", "é * * * *"} {
		f.Add(seed, int64(1795255200))
	}
	f.Fuzz(func(t *testing.T, spec string, unix int64) {
		now := time.Unix(unix%4e9, 0).UTC()
		s, err := ParseSchedule(spec, time.UTC)
		if err != nil {
			return
		}
		if w := s.Window(now); w.Start.After(now) || (!w.End.IsZero() && !w.End.After(now)) {
			t.Errorf("%q at %s: window %v", spec, now, w)
		}
	})
}
