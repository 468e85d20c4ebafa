package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// pingTimeout is how long a ping may take.
	pingTimeout = 10 * time.Second
	// metricsEvery is how often a daemon writes its metrics to a file.
	metricsEvery = 15 * time.Second
)

// reporter tells the world outside how runs ended: a file of metrics for
// node_exporter's textfile collector, and a service that expects a ping after each run.
// It is never in the way of the work.
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

// ping is what is asked after a run.
type ping struct {
	to   *url.URL
	task string
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

// send sends pings until none is left.
func (r *reporter) send() {
	for p := r.take(); p != nil; p = r.take() {
		ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
		if err := get(ctx, p.to); err != nil {
			r.log.Warn("ping not delivered; the work is not affected", "task", p.task, "err", err)
		}
		cancel()
	}
}

func (r *reporter) take() *ping {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.next
	r.next, r.busy = nil, p != nil
	return p
}

// pingFor is the address to ask after a run. A run that did nothing, was told to end,
// or was for some tenants says nothing.
func (r *reporter) pingFor(report tasks.Report) (to *url.URL, wanted bool) {
	raw := r.ping()
	if raw.Empty() || report.Outcome == tasks.Busy || errors.Is(report.Err, tasks.ErrInterrupted) || report.Result.Chosen {
		return nil, false
	}
	to, err := url.Parse(raw.Reveal())
	if err != nil {
		return nil, false // config has checked it
	}
	if report.Err != nil || !report.Result.Complete {
		to = to.JoinPath("fail")
	}
	return to, true
}

// get asks an address. Its errors do not name the address, which is a secret. A
// service outside may need the environment's proxy.
func get(ctx context.Context, to *url.URL) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return errors.New("the URL can't be asked")
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		if named, is := errors.AsType[*url.Error](err); is {
			err = named.Err
		}
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("it answered %d", response.StatusCode)
	}
	return nil
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

// recall reads earlier runs, which the metrics tell of, too.
func (r *reporter) recall(ctx context.Context) {
	r.mu.Lock()
	other := r.other
	r.mu.Unlock()
	if other {
		return
	}
	known, err := r.record.Tasks(ctx, tasks.Rotate, tasks.Janitor)
	if err != nil {
		r.log.Warn("earlier runs not known; the metrics file keeps what it had of them", "err", err)
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
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	if r.file.path != "" {
		writing.Go(func() {
			tick := time.NewTicker(metricsEvery)
			defer tick.Stop()
			for ctx.Err() == nil {
				r.written(r.file.write())
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return func() {
		cancel()
		writing.Wait()
		if r.file.path != "" {
			r.written(r.file.write())
		}
		r.pings.Wait()
	}
}
