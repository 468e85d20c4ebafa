package config

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

// Live is the part of the configuration that may change while the program runs:
// the secrets that are read from files, and the log level. The files are read again
// for each new connection to MySQL or Redis, and on SIGHUP. A configuration that is
// not valid is refused, and the old one stays in force.
type Live struct {
	args, environ []string
	level         *slog.LevelVar

	mu  sync.Mutex
	cfg Config
}

// NewLive begins with cfg, which args and environ were read as.
func NewLive(args, environ []string, cfg Config) *Live {
	l := &Live{args: args, environ: environ, cfg: cfg, level: new(slog.LevelVar)}
	l.level.Set(cfg.Log.Level)
	return l
}

// Level is the log level in force.
func (l *Live) Level() slog.Leveler { return l.level }

// ZyncToken returns Zync's credential in force.
func (l *Live) ZyncToken() secret.Text { return l.current().Zync.Token }

// Follow makes the options of MySQL and Redis in cfg read the password again for
// each new connection, if it comes from a file.
func (l *Live) Follow(cfg *Config) {
	if !l.hasFiles() {
		return
	}
	reread := func() Config {
		_ = l.refresh() // if it fails, the old values stay; SIGHUP logs why
		return l.current()
	}
	cfg.Database.Current = func() secret.Text { return reread().Database.URL }
	cfg.Redis.Current = func() locks.Options { return reread().Redis }
}

// OnHangup reads the files again on each SIGHUP, until the returned function is
// called.
func (l *Live) OnHangup(log *slog.Logger) (ignore func()) {
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
				log.Error("not reloaded; the old secrets and log level stay in force", "err", err)
				continue
			}
			log.Info("reloaded secrets and log level", "log_level", l.level.Level())
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
	}
}

// refresh reads flags, variables and files again. On an error the old values stay.
func (l *Live) refresh() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := Parse(l.args, l.environ, io.Discard)
	if err != nil {
		return err
	}
	cfg, err := f.Config()
	if err != nil {
		return err
	}
	l.cfg.Database.URL, l.cfg.Redis, l.cfg.Zync.Token = cfg.Database.URL, cfg.Redis, cfg.Zync.Token
	l.cfg.Log.Level = cfg.Log.Level
	l.level.Set(cfg.Log.Level)
	return nil
}

func (l *Live) current() Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}

// hasFiles is true if any variable names a file.
func (l *Live) hasFiles() bool {
	for _, pair := range l.environ {
		if name, value, _ := strings.Cut(pair, "="); strings.HasSuffix(name, "_FILE") && value != "" {
			return true
		}
	}
	return false
}
