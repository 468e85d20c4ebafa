package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// stuck is a task that makes no step for hours, and hears nothing.
type stuck struct{ name string }

func (s stuck) Name() string        { return s.name }
func (stuck) Nothing() tasks.Result { return tasks.Result{} }
func (stuck) Run(context.Context, tasks.Run) (tasks.Result, error) {
	time.Sleep(10 * time.Hour)
	return tasks.Result{}, nil
}

// TestHealthzFailsWhileARunHangs: a daemon that can't end a run asks for its restart.
func TestHealthzFailsWhileARunHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
		memory := ledger.NewMemory("test")
		job := func(name, spec string) daemon.Job {
			return daemon.Job{Task: stuck{name}, Schedule: mustParse(spec), Runner: &tasks.Runner{
				Leases: tasks.NoLeases{}, Record: memory, Now: time.Now, Log: log,
				Metrics: tasks.NewMetrics(prometheus.NewRegistry(), tasks.Rotate, tasks.Janitor),
			}}
		}
		d := daemon.New(daemon.Options{
			Leases: tasks.NoLeases{}, Record: memory, TokenTTL: 24 * time.Hour, Beat: daemon.Beat, Log: log, Now: time.Now, Registry: registry,
			Rotate: job(tasks.Rotate, "0 * * * *"), Janitor: job(tasks.Janitor, "0 0 * * 0"), Alone: job(tasks.Rotate, "0 * * * *"),
		})
		handler, err := newHandler(d, &backends{}, status.NewSource(status.Options{}), registry, log)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.Run(t.Context(), make(chan struct{}))
		}()
		for _, c := range []struct {
			after time.Duration
			code  int
		}{{2 * time.Minute, http.StatusOK}, {90 * time.Second, http.StatusServiceUnavailable}} {
			time.Sleep(c.after)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
			if answer.Code != c.code {
				t.Errorf("after %s more: %d %s, want %d", c.after, answer.Code, answer.Body, c.code)
			}
		}
		<-ended
		time.Sleep(20 * time.Hour) // until what hangs is over
	})
}
