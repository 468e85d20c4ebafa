package gateway

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// drainQuiet is how long no client must have come before the listener closes. It is
	// longer than the handshake of a connection.
	drainQuiet = 20 * time.Millisecond
	// drainMost limits that wait.
	drainMost = time.Second
)

// draining is a listener that accepts all waiting clients before it closes. Closing at
// once would reset connections that the kernel has accepted and the program has not. On
// Linux it lets no new handshake begin meanwhile. Such a client tries again after a
// second and is refused, because the listener is closed by then.
type draining struct {
	net.Listener
	until atomic.Int64 // Unix nanoseconds; zero while it is not told to stop
}

// stop makes Accept end when no client waits any more.
func (d *draining) stop() {
	if l, ok := d.Listener.(syscall.Conn); ok {
		_ = refuseHandshakes(l) // if it fails, a client that comes at the last moment is reset
	}
	d.until.Store(time.Now().Add(drainMost).UnixNano())
	if !d.wait() {
		_ = d.Close()
	}
}

// wait sets a deadline of drainQuiet for the next client. It returns false if the
// listener has no deadlines.
func (d *draining) wait() bool {
	l, ok := d.Listener.(interface{ SetDeadline(t time.Time) error })
	return ok && l.SetDeadline(time.Now().Add(drainQuiet)) == nil
}

// Accept accepts one client. After stop it returns [net.ErrClosed] if no client waits.
func (d *draining) Accept() (net.Conn, error) {
	for late := false; ; late = true {
		conn, err := d.Listener.Accept()
		until := d.until.Load()
		if err == nil || until == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		// A deadline that passed before the call hides waiting clients. So the first
		// time-out proves nothing.
		if late || time.Now().UnixNano() > until || !d.wait() {
			return nil, errors.Join(net.ErrClosed, d.Close())
		}
	}
}
