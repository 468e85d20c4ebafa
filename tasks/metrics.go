package tasks

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Metrics count runs. Every label value exists from the start, so that a rate over it
// begins at zero.
type Metrics struct {
	runs         *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	lastSuccess  *prometheus.GaugeVec
	lastComplete *prometheus.GaugeVec
	nextRun      *prometheus.GaugeVec
	run          *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the tasks named.
func NewMetrics(registry prometheus.Registerer, names ...string) *Metrics {
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "token_scheduler_task_runs_total",
			Help: "Runs of a task by outcome; skipped counts windows that passed while an earlier run was at work.",
		}, []string{"task", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "token_scheduler_task_duration_seconds",
			Help:    "How long a task's runs took.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 100, 300, 900, 1800, 3600},
		}, []string{"task"}),
		lastSuccess: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "token_scheduler_task_last_success_timestamp_seconds",
			Help: "End of the last run of a task, in any process, that reached every item and failed for none; 0 if none is known.",
		}, []string{"task"}),
		lastComplete: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "token_scheduler_task_last_complete_timestamp_seconds",
			Help: "Beginning of the last run of a task, in any process, that reached every item, whether or not some failed; 0 if none is known.",
		}, []string{"task"}),
		nextRun: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "token_scheduler_task_next_run_timestamp_seconds",
			Help: "When a task's schedule fires next.",
		}, []string{"task"}),
		run: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "token_scheduler_task_run_items",
			Help: "How far the run at work in this process is: items done, failing, and in total; 0 while none is at work, or the total is not known.",
		}, []string{"task", "state"}),
	}
	for _, name := range names {
		for _, outcome := range []Outcome{Success, Partial, Failed, Busy, Skipped} {
			m.runs.WithLabelValues(name, string(outcome))
		}
		m.duration.WithLabelValues(name)
		m.lastSuccess.WithLabelValues(name)
		m.lastComplete.WithLabelValues(name)
		m.nextRun.WithLabelValues(name)
		m.progress(name, Progress{})
	}
	registry.MustRegister(m.runs, m.duration, m.lastSuccess, m.lastComplete, m.nextRun, m.run)
	return m
}

func (m *Metrics) ran(report Report) {
	m.runs.WithLabelValues(report.Task, string(report.Outcome)).Inc()
	if report.Outcome != Busy {
		m.duration.WithLabelValues(report.Task).Observe(report.Duration.Seconds())
	}
}

// Known sets when the task's last complete and successful runs were, in this or another
// process. It ignores times that are zero.
func (m *Metrics) Known(task string, last ledger.Task) {
	for gauge, at := range map[*prometheus.GaugeVec]time.Time{m.lastSuccess: last.Success, m.lastComplete: last.Complete} {
		if !at.IsZero() {
			gauge.WithLabelValues(task).Set(float64(at.Unix()))
		}
	}
}

// SkippedFiring counts a window that passed while an earlier run was at work.
func (m *Metrics) SkippedFiring(task string) {
	m.runs.WithLabelValues(task, string(Skipped)).Inc()
}

// NextRun sets when a task's schedule fires next.
func (m *Metrics) NextRun(task string, at time.Time) {
	m.nextRun.WithLabelValues(task).Set(float64(at.Unix()))
}

// progress notes how far the run at work is; zero once it has ended.
func (m *Metrics) progress(task string, p Progress) {
	for state, n := range map[string]int{"done": p.Done, "failing": p.Failing, "total": p.Total} {
		m.run.WithLabelValues(task, state).Set(float64(n))
	}
}
