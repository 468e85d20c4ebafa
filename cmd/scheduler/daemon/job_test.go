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

// blocking is a task that takes its time.
type blocking struct{ runs chan time.Duration }

func (blocking) Name() string          { return tasks.Rotate }
func (blocking) Nothing() tasks.Result { return tasks.Result{} }
func (b blocking) Run(context.Context, tasks.Run) (tasks.Result, error) {
	time.Sleep(<-b.runs)
	return tasks.Result{}, nil
}

func schedule(t *testing.T, spec string) tasks.Schedule {
	t.Helper()
	s, err := tasks.ParseSchedule(spec, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOverlappingFiringIsSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		runner := &tasks.Runner{
			Leases: tasks.NoLeases{}, Record: ledger.NewMemory("test"), Now: time.Now,
			Metrics: tasks.NewMetrics(registry, tasks.Rotate), Log: slog.New(slog.DiscardHandler),
		}
		task := blocking{make(chan time.Duration, 2)}
		j := newJob(Job{Task: task, Schedule: schedule(t, "@every 1s"), Runner: runner}, time.Now)
		fire := j.begin(t.Context(), nil, time.Time{})
		task.runs <- time.Minute
		task.runs <- 0
		go fire.Run()
		time.Sleep(time.Second)
		fire.Run() // skipped
		if j.due() {
			t.Error("a run that is at work is due")
		}
		time.Sleep(time.Minute)
		fire.Run()
		for outcome, want := range map[string]float64{"success": 2, "skipped": 1} {
			if got := count(t, registry, outcome); got != want {
				t.Errorf("%s is counted %v times, want %v", outcome, got, want)
			}
		}
	})
}

// count reads token_scheduler_task_runs_total of the rotation.
func count(t *testing.T, registry *prometheus.Registry, outcome string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if family.GetName() == "token_scheduler_task_runs_total" && label.GetValue() == outcome {
					return metric.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

// TestDueAfterAClockWasSetBack: the window that a clock falls back into is served,
// though a later one was; cron would wait for its clock to catch up.
func TestDueAfterAClockWasSetBack(t *testing.T) {
	now := time.Date(2026, 11, 18, 12, 30, 0, 0, time.UTC)
	runner := &tasks.Runner{Log: slog.New(slog.DiscardHandler)}
	j := newJob(Job{Task: blocking{}, Schedule: schedule(t, "0 * * * *"), Runner: runner}, func() time.Time { return now })
	j.begin(t.Context(), nil, j.Schedule.Window(now).Start)
	if j.due() {
		t.Error("a window that was served is due")
	}
	now = now.Add(-5 * time.Hour)
	if !j.due() {
		t.Error("the earlier window is not due")
	}
}

// TestAFiringThatMetItsRunIsServedNext: a run that outlasts its window by a little
// costs the next window nothing, and it does not count as skipped.
func TestAFiringThatMetItsRunIsServedNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		runner := &tasks.Runner{
			Leases: tasks.NoLeases{}, Record: ledger.NewMemory("test"), Now: time.Now,
			Metrics: tasks.NewMetrics(registry, tasks.Rotate), Log: slog.New(slog.DiscardHandler),
		}
		task := blocking{make(chan time.Duration, 2)}
		j := newJob(Job{Task: task, Schedule: schedule(t, "* * * * *"), Runner: runner}, time.Now)
		fire := j.begin(t.Context(), nil, time.Time{})
		task.runs <- 61 * time.Second
		task.runs <- 0
		time.Sleep(time.Until(time.Now().Truncate(time.Minute).Add(time.Minute)))
		go fire.Run()
		time.Sleep(time.Minute)
		fire.Run() // by cron; it meets the run
		time.Sleep(1100 * time.Millisecond)
		if !j.due() {
			t.Error("the window that fired meanwhile is not due at once")
		}
		fire.Run()
		for outcome, want := range map[string]float64{"success": 2, "skipped": 0} {
			if got := count(t, registry, outcome); got != want {
				t.Errorf("%s is counted %v times, want %v", outcome, got, want)
			}
		}
	})
}
