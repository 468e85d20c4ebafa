package daemon

import (
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd tells systemd that the daemon is ready, and later that it stops, until
// the returned function is called. Without systemd it does nothing.
//
// If systemd has a watchdog, it is fed while the loop beats. A loop that is stuck
// starves it, and systemd restarts the program.
func (d *Daemon) tellSystemd(drain <-chan struct{}) (end func()) {
	d.notify(systemd.SdNotifyReady)
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		d.o.Log.Warn("systemd's watchdog can't be fed", "err", err)
	}
	quit := make(chan struct{})
	go func() {
		feed, stop := feeder(interval / 3)
		defer stop()
		for {
			select {
			case <-quit:
				return
			case <-drain:
				d.notify(systemd.SdNotifyStopping)
				drain = nil
			case <-feed:
				if d.Silent() <= SilenceLimit {
					d.notify(systemd.SdNotifyWatchdog)
				}
			}
		}
	}()
	return func() { close(quit) }
}

// feeder ticks; never, where there is no watchdog to feed.
func feeder(every time.Duration) (feed <-chan time.Time, stop func()) {
	if every <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(every)
	return ticker.C, ticker.Stop
}

func (d *Daemon) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		d.o.Log.Warn("systemd not told", "state", state, "err", err)
	}
}
