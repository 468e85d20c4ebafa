package daemon

import (
	"sync"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// tellSystemd tells systemd that the daemon is ready, its status, and later that it stops,
// until the returned function is called. Without systemd it does nothing.
//
// If systemd has a watchdog, the daemon notifies it while the loop beats. If the loop is stuck
// or a run hangs, the notifications stop, and systemd restarts the program.
func (d *Daemon) tellSystemd(drain <-chan struct{}) (end func()) {
	if !d.notify(systemd.SdNotifyReady) {
		return func() {}
	}
	interval, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		d.o.Log.Warn("systemd's watchdog has a wrong setting; it is not used", "err", err)
	}
	quit := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { d.keepTelling(interval/3, drain, quit) })
	return func() {
		close(quit)
		telling.Wait()
	}
}

// stopping is what systemd is told when the daemon stops.
const stopping = systemd.SdNotifyStopping + "\nSTATUS=" + stopsLine

func (d *Daemon) keepTelling(feedEvery time.Duration, drain, quit <-chan struct{}) {
	feed, stop := ticker(feedEvery)
	defer stop()
	look, stopLooking := ticker(time.Second)
	defer stopLooking()
	var said string
	for {
		select {
		case <-quit:
			if closed(drain) { // the daemon stopped at once
				d.notify(stopping)
			}
			return
		case <-drain:
			d.notify(stopping)
			drain, look = nil, nil
		case <-feed:
			if d.Silent() <= SilenceLimit && !d.Hung() {
				d.notify(systemd.SdNotifyWatchdog)
			}
		case <-look:
			if line := d.statusLine(); line != said {
				said = line
				d.notify("STATUS=" + line)
			}
		}
	}
}

// ticker ticks at an interval, or never if that is zero.
func ticker(every time.Duration) (ticks <-chan time.Time, stop func()) {
	if every <= 0 {
		return nil, func() {}
	}
	ticker := time.NewTicker(every)
	return ticker.C, ticker.Stop
}

// notify is true if systemd listens.
func (d *Daemon) notify(state string) bool {
	told, err := systemd.SdNotify(false, state)
	if err != nil {
		d.o.Log.Warn("systemd not told", "state", state, "err", err)
	}
	return told || err != nil
}
