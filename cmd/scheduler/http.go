package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/listen"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
)

// ourFiles is how many descriptors the program needs besides those of its pushes: for
// MySQL, Redis, Porta, the log and files that it reads again.
const ourFiles = 40

// serve answers HTTP requests until the returned function is called.
func serve(ctx context.Context, cfg config.Config, handler http.Handler, log *slog.Logger) (shutdown func(), err error) {
	if cfg.Listen.Address == "" {
		return func() {}, nil
	}
	server, err := listen.Listen(ctx, listen.Options{
		Address: cfg.Listen.Address, Handler: handler, Log: log, Reserve: cfg.Zync.Concurrency + ourFiles,
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := server.Serve(cfg.Listen.WebConfig); !errors.Is(err, http.ErrServerClosed) {
			log.Error("listener ended; metrics and probes are gone until a restart", "err", err)
		}
	}()
	log.Info("listening", "address", server.Addr().String())
	return func() { _ = server.Close() }, nil
}

// newHandler answers the page, /status, /metrics, /healthz and /readyz.
func newHandler(d *daemon.Daemon, s *backends, source *status.Source, metrics prometheus.Gatherer, log *slog.Logger) (http.Handler, error) {
	page, err := status.NewPage(func(ctx context.Context, q status.Query) (status.Status, error) {
		st, err := source.Cached(ctx, q)
		st.This = &status.This{Process: s.self, Role: d.Role()}
		return st, err
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page.HTML)
	mux.HandleFunc("GET /status", page.JSON)
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if silent := d.Silent(); silent > daemon.SilenceLimit {
			http.Error(w, "the loop has not beaten for "+silent.Round(time.Second).String(), http.StatusServiceUnavailable)
			return
		}
		if d.Hung() {
			http.Error(w, "a run hangs; the process ends within a minute", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if d.Role() == daemon.OtherPorta {
			http.Error(w, "not ready: the keys on Redis belong to another Porta", http.StatusServiceUnavailable)
			return
		}
		if err := s.ready(r.Context()); err != nil {
			log.Debug("not ready", "err", err)
			http.Error(w, "not ready: "+notReady(err), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux, nil
}

var (
	errMySQL = errors.New("mysql does not answer")
	errRedis = errors.New("redis does not answer")
)

// notReady names the servers that do not answer, without their own words: everybody
// who reaches the port can read it.
func notReady(err error) string {
	switch {
	case !errors.Is(err, errMySQL):
		return "Redis does not answer"
	case !errors.Is(err, errRedis):
		return "MySQL does not answer"
	}
	return "neither MySQL nor Redis answers"
}
