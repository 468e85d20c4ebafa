package main

import (
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

// live is the part of the configuration that may change while the program runs:
// the secrets that are read from files, and the log level. New connections to
// MySQL and Redis read the files anew, and so does SIGHUP. What can't be used is
// refused, and the old kept.
type live struct {
	args, environ []string
	level         *slog.LevelVar

	mu  sync.Mutex
	cfg config
}

func newLive(args, environ []string, cfg config) *live {
	l := &live{args: args, environ: environ, cfg: cfg, level: new(slog.LevelVar)}
	l.level.Set(cfg.logLevel)
	return l
}

// refresh reads everything anew. The error says why the old stays.
func (l *live) refresh() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := parseFlags(l.args, l.environ, io.Discard)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	l.cfg.database.URL, l.cfg.redis, l.cfg.zyncToken = cfg.database.URL, cfg.redis, cfg.zyncToken
	l.cfg.logLevel = cfg.logLevel
	l.level.Set(cfg.logLevel)
	return nil
}

// follow has the options of MySQL and Redis ask for their passwords with each new
// connection, where those come from files.
func (l *live) follow(cfg *config) {
	if !l.hasFiles() {
		return
	}
	anew := func() config {
		_ = l.refresh() // what can't be read leaves the old; SIGHUP says why
		return l.current()
	}
	cfg.database.Current = func() secret.Text { return anew().database.URL }
	cfg.redis.Current = func() locks.Options { return anew().redis }
}

func (l *live) current() config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}

// hasFiles tells whether any variable names a file.
func (l *live) hasFiles() bool {
	for _, pair := range l.environ {
		if name, value, _ := strings.Cut(pair, "="); strings.HasSuffix(name, "_FILE") && value != "" {
			return true
		}
	}
	return false
}

func (l *live) zyncToken() secret.Text { return l.current().zyncToken }

// onHangup reloads with each SIGHUP until the returned function is called.
func (l *live) onHangup(log *slog.Logger) (ignore func()) {
	signals, quit := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-signals:
			case <-quit:
				return
			}
			if err := l.refresh(); err != nil {
				log.Error("not reloaded; secrets and log level stay as they were", "err", err)
				continue
			}
			log.Info("reloaded the secrets from their files, and the log level", "log_level", l.level.Level())
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
	}
}
