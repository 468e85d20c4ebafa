package zync

import (
	"net/http"
	"testing"
	"time"
)

func TestClassify(t *testing.T) {
	for class, statuses := range map[Class][]int{
		Delivered: {200, 201, 204},
		Invalid:   {422},
		Rejected:  {202, 203, 205, 206, 207, 299, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 411, 413, 415, 418, 426, 428, 431, 451, 100, 0},
		Transient: {408, 409, 425, 429, 500, 501, 502, 503, 504, 507, 520, 599},
	} {
		for _, status := range statuses {
			if got := classify(status); got != class {
				t.Errorf("%d is %s, want %s", status, got, class)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "007": 7 * time.Second, "60": time.Minute,
		"61": time.Minute, "99999999999999999999999": time.Minute,
		"-1": 0, "1.5": 0, "soon": 0, "0x10": 0, "１２": 0,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
		now.Add(time.Hour).Format(http.TimeFormat):       time.Minute,
		now.Add(5 * time.Second).Format(time.RFC850):     5 * time.Second,
		now.Add(5 * time.Second).Format(time.ANSIC):      5 * time.Second,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

// FuzzRetryAfter: for any header, the wait is never negative and never longer than the
// limit.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "Fri, 31 Dec 1999 23:59:59 GMT", "00000000000000000000000000009", "\x00", "1e9"} {
		f.Add(seed, int64(0))
	}
	f.Fuzz(func(t *testing.T, value string, unix int64) {
		if got := retryAfter(value, time.Unix(unix, 0)); got < 0 || got > maxRetryAfter {
			t.Errorf("%q at %d is %s", value, unix, got)
		}
	})
}
