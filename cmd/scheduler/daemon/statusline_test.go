package daemon

import (
	"testing"
	"time"
)

func TestTallyInOneLine(t *testing.T) {
	now := time.Date(2026, 11, 30, 14, 30, 0, 0, time.UTC)
	at := now.Add(-30 * time.Minute).In(time.FixedZone("", 3600))
	for want, tally := range map[string]tally{
		"no rotation is known":                                    {},
		"196 of 196 served at 14:00":                              {at, 196, 0, true},
		"183 of 196 served at 14:00, 13 failing":                  {at, 183, 13, true},
		"the rotation of 14:00 did not reach everyone":            {at, 10, 186, false},
		"5 of 5 served at 2026-11-29 14:30":                       {now.AddDate(0, 0, -1), 5, 0, true},
		"the rotation of 2025-11-30 14:30 did not reach everyone": {now.AddDate(-1, 0, 0), 0, 0, false},
	} {
		if got := tally.line(now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
