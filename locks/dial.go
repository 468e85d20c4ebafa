package locks

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

// dialTimeout limits one attempt to connect, with the TLS handshake. It is shorter than
// a call's limit, so that the call can report what happened.
const dialTimeout = 2 * time.Second

// dialer connects to Redis and to the Sentinels. It expects from each server the name
// of the address at which it was found. With Sentinel or a Cluster, a URL names at most
// one of the servers.
type dialer struct {
	tls    bool // all of them use TLS
	files  secret.TLSFiles
	errors *dialErrors
}

// dial implements the library's Dialer.
func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := d.connect(ctx, network, addr)
	if err != nil {
		err = fmt.Errorf("connect to %s: %w", addr, err)
	}
	d.errors.note(addr, err)
	return conn, err
}

func (d dialer) connect(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}}
	if !d.tls {
		return plain.DialContext(ctx, network, addr)
	}
	config, err := d.files.Load() // again, because certificates are renewed
	if err != nil {
		return nil, err
	}
	if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: plain, Config: config}).DialContext(ctx, network, addr)
}

// dialErrors are the last failures to connect. Without them, a call that waits for a
// connection until its time-out could report only the time-out.
type dialErrors struct {
	mu   sync.Mutex
	addr string
	err  error
	at   time.Time
}

// keepDialError is for how long a failure to connect explains a call without an answer.
const keepDialError = 10 * time.Second

func (e *dialErrors) note(addr string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err != nil || addr == e.addr {
		e.addr, e.err, e.at = addr, err, time.Now()
	}
}

func (e *dialErrors) latest() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.at) > keepDialError {
		return nil
	}
	return e.err
}
