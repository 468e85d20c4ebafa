package listen

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// fewest is how many connections are allowed at least, even with few descriptors.
	fewest = 4
	// socketBytes is the size of each of the kernel's two buffers for a connection.
	socketBytes = 32 << 10
	// stuck is how long a write may take if the client reads.
	stuck = 250 * time.Millisecond
)

// limit returns how many connections a listener may have. That is the wanted number, but
// at most half of the descriptors that are not reserved: the program has two listeners.
func limit(wanted, reserve, each int) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return wanted
	}
	most := int(min(files.Cur, 1<<20))
	return max(fewest, min(wanted, (most-reserve)/2/each))
}

// Listener accepts a bounded number of connections.
type Listener struct {
	net.Listener
	limit   int
	reports *reports

	mu   sync.Mutex // for the connections' fields, too
	open map[*conn]struct{}

	close func() error // closes once, because net/http and the caller both call it
}

func newListener(bound net.Listener, limit int, reports *reports) *Listener {
	return &Listener{
		Listener: bound, limit: limit, reports: reports,
		open: map[*conn]struct{}{}, close: sync.OnceValue(bound.Close),
	}
}

// Close implements [net.Listener].
func (l *Listener) Close() error { return l.close() }

// SetDeadline bounds the wait of Accept, as [net.TCPListener] does.
func (l *Listener) SetDeadline(t time.Time) error {
	bound, ok := l.Listener.(interface{ SetDeadline(t time.Time) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return bound.SetDeadline(t)
}

// SyscallConn returns the socket, as [net.TCPListener] does.
func (l *Listener) SyscallConn() (syscall.RawConn, error) {
	bound, ok := l.Listener.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return bound.SyscallConn()
}

// Follow has a server say which connections are at work. Call it before the server
// serves.
func (*Listener) Follow(server *http.Server) {
	server.Handler, server.ConnContext = working(server.Handler), withConn
}

// Accept implements [net.Listener]. At the limit it closes the connection that has been
// idle for longest, or the new one if none is idle.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		boundBuffers(accepted)
		c := &conn{Conn: accepted, listener: l, since: time.Now()}
		switch cut := l.admit(c); cut {
		case nil:
		case c:
			c.reset()
			l.reports.say("too many connections, all at work: a new one was refused")
			continue
		default:
			cut.reset()
			l.reports.say("too many connections: the one idle for longest was closed")
		}
		return c, nil
	}
}

// boundBuffers limits the bytes that the kernel keeps for a client that does not read.
// Without it they can be 4 MiB, and in a container they count as the program's memory.
func boundBuffers(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(socketBytes)
		_ = tcp.SetReadBuffer(socketBytes)
	}
}

// admit adds a connection, and returns the one that must be closed for it; nil if there
// is room. It returns the new connection itself if all others are busy.
func (l *Listener) admit(c *conn) (cut *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.limit {
		if cut = l.idlest(); cut == nil {
			return c
		}
		delete(l.open, cut)
	}
	l.open[c] = struct{}{}
	return cut
}

// idlest returns the connection that has been idle for longest, or nil if none is idle.
func (l *Listener) idlest() *conn {
	var idlest *conn
	for c := range l.open {
		idle := c.requests == 0 || (c.writes > 0 && time.Since(c.since) > stuck)
		if idle && (idlest == nil || c.since.Before(idlest.since)) {
			idlest = c
		}
	}
	return idlest
}

// conn is a connection that counts its requests and writes. From these the listener sees
// whether it is idle.
type conn struct {
	net.Conn
	listener *Listener
	requests int       // that a handler works on
	writes   int       // under way
	since    time.Time // when one of these numbers last changed
}

func (c *conn) begin() { c.count(1, 0) }
func (c *conn) end()   { c.count(-1, 0) }

func (c *conn) count(requests, writes int) {
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.requests += requests
	c.writes += writes
	c.since = time.Now()
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	c.count(0, 1)
	defer c.count(0, -1)
	return c.Conn.Write(p)
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// reset closes the connection at once, without the bytes that its client has not read.
func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
