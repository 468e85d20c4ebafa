package tasks

import "testing"

func TestSundayAsZero(t *testing.T) {
	for spec, want := range map[string]string{
		"0 0 * * 7":       "0 0 * * 0",
		"0 0 * * 5-7":     "0 0 * * 5,6,0",
		"0 0 * * 1,FRI-7": "0 0 * * 1,5,6,0",
		"0 0 * * 1-7/2":   "0 0 * * 1,3,5,0",
		"0 0 * * 7/2":     "0 0 * * 0",
		"0 7 * 7 *":       "0 7 * 7 *",
		"0 0 * * 1-7/x":   "0 0 * * 1-7/x",
		"0 0 * * x-7":     "0 0 * * x-7",
		"0 0 * * 17":      "0 0 * * 17",
		"@every 7s":       "@every 7s",
	} {
		if got := sundayAsZero(spec); got != want {
			t.Errorf("%q: %q, want %q", spec, got, want)
		}
	}
}
