package daemon

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// deaf is a task that ignores everything it is told for a time. It gets on meanwhile.
type deaf struct {
	name  string
	takes time.Duration
	done  int
	err   error
}

func (d deaf) Name() string        { return d.name }
func (deaf) Nothing() tasks.Result { return tasks.Result{} }
func (d deaf) Run(_ context.Context, run tasks.Run) (tasks.Result, error) {
	for left := d.takes; left > 0; left -= time.Minute {
		time.Sleep(min(left, time.Minute))
		run.Step()
	}
	return tasks.Result{Done: d.done, Complete: d.err == nil}, d.err
}

// purgeDue is a record after which a purge is due at once.
type purgeDue struct{ *ledger.Memory }

func (purgeDue) Tasks(context.Context, ...string) (map[string]ledger.Task, error) {
	return map[string]ledger.Task{tasks.Janitor: {Complete: time.Now().Add(-30 * 24 * time.Hour)}}, nil
}

func newTestDaemon(t *testing.T, rotate, janitor tasks.Task) *Daemon {
	t.Helper()
	registry := prometheus.NewRegistry()
	runner := &tasks.Runner{
		Leases: tasks.NoLeases{}, Record: ledger.NewMemory("test"), Now: time.Now,
		Metrics: tasks.NewMetrics(registry, tasks.Rotate, tasks.Janitor), Log: slog.New(slog.DiscardHandler),
	}
	hourly, weekly := schedule(t, "0 * * * *"), schedule(t, "0 0 * * 0")
	return New(Options{
		Leases: tasks.NoLeases{}, Record: purgeDue{}, Log: runner.Log, Now: time.Now, TokenTTL: 24 * time.Hour, Beat: Beat, Registry: registry,
		Rotate: Job{rotate, hourly, runner}, Janitor: Job{janitor, weekly, runner}, Alone: Job{rotate, hourly, runner},
	})
}

// TestTheLoopBeatsWhateverItWaitsFor: a purge that does not hear that its leader
// steps aside, or is told to stop, must not make the process look stuck.
func TestTheLoopBeatsWhateverItWaitsFor(t *testing.T) {
	for name, c := range map[string]struct {
		rotation error
		drainIn  time.Duration
	}{
		"stepping aside": {context.DeadlineExceeded, 4 * time.Hour},
		"draining":       {nil, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newTestDaemon(t, deaf{tasks.Rotate, time.Second, 0, c.rotation}, deaf{tasks.Janitor, 3 * time.Hour, 0, nil})
				drain, ended := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(ended)
					d.Run(t.Context(), drain)
				}()
				time.AfterFunc(c.drainIn, func() { close(drain) })
				began, longest := time.Now(), time.Duration(0)
				for running := true; running; {
					select {
					case <-ended:
						running = false
					case <-time.After(500 * time.Millisecond):
						longest = max(longest, d.Silent())
					}
				}
				if lasted := time.Since(began); lasted < 3*time.Hour {
					t.Errorf("it ran for %s, and did not wait for the purge", lasted)
				}
				if longest > 3*Beat {
					t.Errorf("the loop was silent for %s", longest)
				}
			})
		})
	}
}

// TestOnlyWhoReachesNobodyStepsAside: a rotation that does not reach everyone, but
// somebody, is better than none.
func TestOnlyWhoReachesNobodyStepsAside(t *testing.T) {
	for done, want := range map[int]bool{0: true, 1: false} {
		synctest.Test(t, func(t *testing.T) {
			d := newTestDaemon(t, deaf{tasks.Rotate, time.Second, done, errBoom}, deaf{tasks.Janitor, time.Second, 0, nil})
			drain, ended, aside := make(chan struct{}), make(chan struct{}), false
			go func() {
				defer close(ended)
				d.Run(t.Context(), drain)
			}()
			time.Sleep(time.Second)
			for range 3600 {
				time.Sleep(time.Second)
				aside = aside || d.Role() != leads
			}
			close(drain)
			<-ended
			if aside != want {
				t.Errorf("%d delivered: stepped aside %t, want %t", done, aside, want)
			}
		})
	}
}
