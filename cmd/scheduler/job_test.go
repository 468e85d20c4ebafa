package main

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

func TestOverlappingFiringIsSkippedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		runner := &tasks.Runner{
			Leases: tasks.NoLeases{}, Record: ledger.NewMemory(), Now: time.Now,
			Metrics: tasks.NewMetrics(registry, tasks.Rotate), Log: slog.New(slog.DiscardHandler),
		}
		task := blocking{make(chan time.Duration, 2)}
		j := newJob(task, mustParse("@every 1s"), runner, nil)
		j.lead(t.Context(), time.Time{})
		task.runs <- time.Minute
		task.runs <- 0
		go j.fire.Run()
		time.Sleep(time.Second)
		j.fire.Run() // skipped
		if j.due() {
			t.Error("a run that is at work is due")
		}
		time.Sleep(time.Minute)
		j.fire.Run()
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
