package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

// Live is the part of the configuration that may change while the program runs:
// the secrets that are read from files, and the log level. The files are read again
// for each new connection to MySQL or Redis, and on SIGHUP. A file whose content can't
// be used is refused: its old content stays in force, and the other files are not
// affected.
type Live struct {
	args, environ []string
	level         *slog.LevelVar
	scrub         *secret.Scrubber

	mu    sync.Mutex
	cfg   Config
	files files // as they are in force
	said  map[string]string
}

// NewLive begins with cfg, which args and environ were read as. It tells scrub of each
// secret that it reads later.
func NewLive(args, environ []string, cfg Config, scrub *secret.Scrubber) *Live {
	l := &Live{args: args, environ: environ, cfg: cfg, scrub: scrub, level: new(slog.LevelVar), said: map[string]string{}}
	l.level.Set(cfg.Log.Level)
	l.files = cfg.files
	return l
}

// Level is the log level in force.
func (l *Live) Level() slog.Leveler { return l.level }

// ZyncToken returns Zync's credential in force.
func (l *Live) ZyncToken() secret.Text { return l.current().Zync.Token }

// Follow makes the options of MySQL and Redis in cfg read the files again for each new
// connection, if there are any. A new connection to MySQL goes to the host and the
// database that the file names now.
func (l *Live) Follow(cfg *Config, log *slog.Logger) {
	if len(l.files) == 0 {
		return
	}
	reread := func() Config {
		l.say(log, l.refresh(), false)
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
			refused := l.refresh()
			l.say(log, refused, true)
			if len(refused) == 0 {
				log.Info("reloaded secrets and log level", "log_level", l.level.Level())
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
	}
}

// say logs which files were refused. A refusal that was logged already is logged again
// only if someone has asked.
func (l *Live) say(log *slog.Logger, refused map[string]error, asked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, err := range refused {
		if asked || l.said[name] != err.Error() {
			log.Error("file not reloaded; its old content stays in force, and other files are not affected", "variable", name+"_FILE", "err", err)
		}
		l.said[name] = err.Error()
	}
	maps.DeleteFunc(l.said, func(name, _ string) bool { return refused[name] == nil })
}

// refresh reads the files again and returns why files were refused, by variable.
func (l *Live) refresh() (refused map[string]error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, refused := readFiles(l.environ)
	now.add(l.files) // for those that can't be read
	if maps.Equal(now, l.files) {
		return refused
	}
	if l.try(now) == nil { // also where two contents are valid only together
		return refused
	}
	for name, content := range now {
		one := maps.Clone(l.files)
		one[name] = content
		if err := l.try(one); err != nil {
			refused[name] = err
		}
	}
	return refused
}

// try puts contents of files in force. On an error nothing has changed.
func (l *Live) try(contents files) error {
	f, err := Parse(l.args, contents.environ(l.environ), io.Discard)
	if err != nil {
		return err
	}
	l.scrub.Know(f.Secrets()...)
	cfg, err := f.Config()
	if problems, bad := errors.AsType[Problems](err); bad {
		return errors.New(strings.Join(problems, "; "))
	}
	if was, is := l.cfg.Redis.Address(), cfg.Redis.Address(); was != is {
		return fmt.Errorf("restart needed: Redis is %s, and was %s", is, was)
	}
	if !slices.Equal(l.cfg.Redis.Sentinels.Hosts, cfg.Redis.Sentinels.Hosts) || l.cfg.Redis.Sentinels.Password != cfg.Redis.Sentinels.Password {
		return errors.New("restart needed: the Sentinels or their password have changed")
	}
	l.cfg.Database.URL, l.cfg.Redis, l.cfg.Zync.Token = cfg.Database.URL, cfg.Redis, cfg.Zync.Token
	l.cfg.Log.Level = cfg.Log.Level
	l.level.Set(cfg.Log.Level)
	l.files = contents
	return nil
}

func (l *Live) current() Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg
}
