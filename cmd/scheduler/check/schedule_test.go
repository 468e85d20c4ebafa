package check

import (
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// TestScheduleIsShown: the next five firings of both tasks, across a change of the
// clocks, in the schedules' zone and in UTC, and the longest gap of the year.
func TestScheduleIsShown(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(spec string, zone *time.Location) tasks.Schedule {
		s, err := tasks.ParseSchedule(spec, zone)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		zone *time.Location
		now  time.Time
		want map[string]string
	}{
		"Berlin, before the clocks are set back": {berlin, time.Date(2026, 10, 24, 23, 10, 0, 0, time.UTC), map[string]string{
			"schedule of rotate": "0 * * * *: 2026-10-25 02:00:00 CEST (2026-10-25 00:00:00 UTC), 2026-10-25 03:00:00 CET (2026-10-25 02:00:00 UTC)," +
				" 2026-10-25 04:00:00 CET (2026-10-25 03:00:00 UTC), 2026-10-25 05:00:00 CET (2026-10-25 04:00:00 UTC), 2026-10-25 06:00:00 CET (2026-10-25 05:00:00 UTC)",
			"longest gap of rotate":  "2h0m0s in the next year: from 2026-10-25 02:00:00 CEST (2026-10-25 00:00:00 UTC) to 2026-10-25 03:00:00 CET (2026-10-25 02:00:00 UTC)",
			"longest gap of janitor": "168h0m0s in the next year: from 2026-11-01 00:00:00 CET (2026-10-31 23:00:00 UTC) to",
			"token life":             "tokens live for 24h0m0s; the longest time between two rotations, in the next 28 years, is 2h0m0s",
		}},
		"UTC": {time.UTC, time.Date(2026, 10, 24, 23, 10, 0, 0, time.UTC), map[string]string{
			"schedule of janitor":   "0 0 * * 0: 2026-10-25 00:00:00 UTC, 2026-11-01 00:00:00 UTC, 2026-11-08 00:00:00 UTC, 2026-11-15 00:00:00 UTC, 2026-11-22 00:00:00 UTC",
			"longest gap of rotate": "1h0m0s in the next year: from",
		}},
	} {
		var cfg config.Config
		cfg.Schedule = config.Schedule{
			Rotate: parse("0 * * * *", c.zone), Janitor: parse("0 0 * * 0", c.zone), Timezone: c.zone, TokenTTL: 24 * time.Hour,
		}
		found := map[string]string{}
		ch := &check{cfg: cfg, add: func(f Finding) { found[f.Check] = f.Found }}
		ch.schedule(c.now)
		for check, want := range c.want {
			if !strings.HasPrefix(found[check], want) {
				t.Errorf("%s: %s is %q, want %q", name, check, found[check], want)
			}
		}
	}
}
