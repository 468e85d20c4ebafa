package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/exporter-toolkit/web"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/cmd/scheduler/status"
	"github.com/token-scheduler/token-scheduler/db"
)

const readyTimeout = 3 * time.Second

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "token_scheduler_build_info", Help: "Always 1; its label is the program's version.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// serve answers the page, /status, /metrics, /healthz and /readyz until the
// returned function is called.
func (a *app) serve(ctx context.Context, d *daemon.Daemon) (shutdown func(), err error) {
	if a.cfg.Listen.Address == "" {
		return func() {}, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", a.cfg.Listen.Address)
	if err != nil {
		return nil, err
	}
	handler, err := a.handler(d)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() {
		// What the toolkit says of each listener, the line below says, too.
		quietly := slog.New(slog.DiscardHandler)
		err := web.Serve(listener, server, &web.FlagConfig{WebConfigFile: &a.cfg.Listen.WebConfig}, quietly)
		if !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("listener ended; metrics and probes are gone until a restart", "err", err)
		}
	}()
	a.log.Info("listening", "address", listener.Addr().String())
	return func() { _ = server.Close() }, nil
}

func (a *app) handler(d *daemon.Daemon) (http.Handler, error) {
	mux := http.NewServeMux()
	p, err := status.NewPage(func(r *http.Request) (status.Status, error) {
		st, err := a.status.Cached(r.Context())
		st.This = &status.This{Process: a.self, Role: d.Role()}
		return st, err
	})
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET /{$}", p.HTML)
	mux.HandleFunc("GET /status", p.JSON)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if silent := d.Silent(); silent > daemon.SilenceLimit {
			http.Error(w, "the loop has not beaten for "+silent.Round(time.Second).String(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			a.log.Debug("not ready", "err", err)
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

// ready tells whether MySQL and Redis answer.
func (a *app) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var all error
	if err := db.Ping(ctx, a.pool); err != nil {
		all = errors.Join(errMySQL, err)
	}
	if err := a.redis.Ping(ctx).Err(); err != nil {
		all = errors.Join(all, errRedis, err)
	}
	return all
}

// notReady names the servers that do not answer, and nothing of their own words:
// the page is for anybody who reaches the port.
func notReady(err error) string {
	switch {
	case !errors.Is(err, errMySQL):
		return "Redis does not answer"
	case !errors.Is(err, errRedis):
		return "MySQL does not answer"
	}
	return "neither MySQL nor Redis answers"
}
