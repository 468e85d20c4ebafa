package main

import (
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// service tells systemd, where that started the program, how it fares.
type service struct{ log *slog.Logger }

// say sends one message; where systemd does not ask for any, it does nothing.
func (s service) say(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		s.log.Warn("systemd not told", "state", state, "err", err)
	}
}

// watch feeds systemd's watchdog for as long as the daemon's loop beats, until the
// returned function is called. A loop that is stuck starves it, and systemd starts
// the program anew.
func (s service) watch(d *daemon) (stop func()) {
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("systemd's watchdog can't be fed", "err", err)
	}
	if interval <= 0 {
		return func() {}
	}
	quit := make(chan struct{})
	go func() {
		tick := time.NewTicker(interval / 3)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			if d.silent() <= beatLimit {
				s.say(systemd.SdNotifyWatchdog)
			}
		}
	}()
	return func() { close(quit) }
}
