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
	// drainQuiet is how long nobody must have come before the listener closes. It is
	// longer than the handshake of a connection takes.
	drainQuiet = 20 * time.Millisecond
	// drainMost bounds how long it waits for that.
	drainMost = time.Second
)

// draining is a listener that stops by taking in whoever waits already. Closing it at
// once would reset the connections that the kernel has accepted and we have not. Where the
// system can do that, it lets no new handshake begin meanwhile: such a client tries again
// after a second, when the listener is closed, and is refused.
type draining struct {
	net.Listener
	until atomic.Int64 // Unix nanoseconds; zero while it is not told to stop
}

// stop has Accept end once nobody waits.
func (d *draining) stop() {
	if l, ok := d.Listener.(syscall.Conn); ok {
		_ = refuseHandshakes(l) // without it a client that comes at the last moment is reset
	}
	d.until.Store(time.Now().Add(drainMost).UnixNano())
	if !d.wait() {
		_ = d.Close()
	}
}

// wait gives a next client the quiet time to come. It is false where the listener cannot
// wait.
func (d *draining) wait() bool {
	l, ok := d.Listener.(interface{ SetDeadline(t time.Time) error })
	return ok && l.SetDeadline(time.Now().Add(drainQuiet)) == nil
}

// Accept takes one client. After stop it returns [net.ErrClosed] where nobody waits.
func (d *draining) Accept() (net.Conn, error) {
	for late := false; ; late = true {
		conn, err := d.Listener.Accept()
		until := d.until.Load()
		if err == nil || until == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		// A deadline that has passed hides who waits. So the first one proves nothing.
		if late || time.Now().UnixNano() > until || !d.wait() {
			return nil, errors.Join(net.ErrClosed, d.Close())
		}
	}
}
