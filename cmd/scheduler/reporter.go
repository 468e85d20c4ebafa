package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// metricsEvery is how often a daemon writes its metrics to a file.
const metricsEvery = 15 * time.Second

// reporter reports how runs ended: to a file of metrics for node_exporter's textfile
// collector, and to a service that expects a ping after each run. It never delays a run.
type reporter struct {
	file    *metricsFile
	ping    func() secret.Text
	metrics *tasks.Metrics
	record  record
	log     *slog.Logger

	pings sync.WaitGroup
	mu    sync.Mutex
	busy  bool  // pings are being sent
	next  *ping // what is sent next; nil if there is nothing
	other bool  // the record is another Porta's
}

// record knows the last runs of any process.
type record interface {
	Tasks(ctx context.Context, names ...string) (map[string]ledger.Task, error)
}

// ended implements [tasks.Runner.Ended].
func (r *reporter) ended(report tasks.Report) {
	r.file.ended(report)
	to, wanted := r.pingFor(report)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.other = r.other || errors.Is(report.Err, tasks.ErrOtherPorta)
	if !wanted {
		return
	}
	// A service that hangs must not gather pings: only the latest one waits.
	r.next = &ping{to, report.Task}
	if !r.busy {
		r.busy = true
		r.pings.Go(r.send)
	}
}

// afterRuns ends the reports of --run-once: it writes the metrics, and waits for a ping
// under way.
func (r *reporter) afterRuns(ctx context.Context) {
	if r.file.path != "" {
		r.recall(ctx)
		r.written(r.file.update())
	}
	r.pings.Wait()
}

// recall reads earlier runs from the record, because the metrics show them, too.
func (r *reporter) recall(ctx context.Context) {
	r.mu.Lock()
	other := r.other
	r.mu.Unlock()
	if other {
		return
	}
	known, err := r.record.Tasks(ctx, tasks.Rotate, tasks.Janitor)
	if err != nil {
		r.log.Warn("earlier runs not known; the metrics file keeps its values for them", "err", err)
	}
	for task, last := range known {
		r.metrics.Known(task, last)
	}
}

func (r *reporter) written(err error) {
	if err != nil {
		r.log.Warn("metrics not written to the file", "err", err)
	}
}

// inDaemon writes the metrics every few seconds until the returned function is called.
func (r *reporter) inDaemon(ctx context.Context) (end func()) {
	if r.file.path == "" {
		return r.pings.Wait
	}
	write := func(context.Context) bool {
		r.written(r.file.write())
		return true
	}
	done := repeat(ctx, metricsEvery, write)
	return func() {
		done()
		write(ctx)
		r.pings.Wait()
	}
}
