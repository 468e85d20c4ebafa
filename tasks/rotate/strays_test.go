package rotate_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks/rotate"
)

// TestWhoIsLeftOutIsNamed: once, and again when the accounts are others.
func TestWhoIsLeftOutIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		var strays []int64
		var fails error
		asked := 0
		w.o.Strays = func(context.Context) ([]int64, error) { asked++; return strays, fails }
		rotation := rotate.New(w.o)
		for hour, c := range []struct {
			strays []int64
			fails  error
			lines  int // in the log so far
		}{
			{nil, nil, 0}, {[]int64{7, 9}, errors.New("away"), 0}, {[]int64{7, 9}, nil, 1}, {[]int64{7, 9}, nil, 1},
			{[]int64{7}, nil, 2}, {nil, nil, 2}, {[]int64{7}, nil, 3},
		} {
			strays, fails = c.strays, c.fails
			for range 2 {
				if _, err := w.runBy(rotation, nil); err != nil {
					t.Error(err)
				}
			}
			if lines := strings.Count(w.log.String(), "provider accounts left out"); lines != c.lines {
				t.Errorf("hour %d: %d lines, want %d", hour, lines, c.lines)
			}
			time.Sleep(time.Hour)
		}
		if asked != 8 { // once an hour, and once more where the answer was an error
			t.Errorf("asked %d times", asked)
		}
		if !strings.Contains(w.log.String(), "tenants=2 tenant_ids=\"[7 9]\"") {
			t.Errorf("the log is\n%s", w.log)
		}
	})
}
