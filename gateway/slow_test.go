package gateway

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoIsSlowIsCutOff: a client that writes or reads slowly keeps its connection for a
// bounded time.
func TestWhoIsSlowIsCutOff(t *testing.T) {
	t.Parallel()
	head := "GET " + providerPath + " HTTP/1.1\r\nHost: x\r\nX-Zync-Token: " + credential + "\r\nX-Forwarded-Host: " + hostOne + "\r\n"
	for _, c := range []struct {
		name  string
		write string
		read  bool
		most  time.Duration
	}{
		{"it says nothing", "", true, headerTimeout},
		{"its header has no end", head, true, headerTimeout},
		{"its body does not come", head + "Content-Length: 1000\r\n\r\n", true, readTimeout},
		{"it does not read", head + "\r\n", false, writeTimeout + time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				client, server := net.Pipe()
				pipe := &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
				pipe.conns <- server
				ended := make(chan error, 1)
				ctx, stop := context.WithCancel(t.Context())
				go func() { ended <- w.Serve(ctx, pipe) }()
				began := time.Now()
				_, _ = io.WriteString(client, c.write)
				if !c.read {
					time.Sleep(c.most)
				}
				n, _ := io.Copy(io.Discard, client)
				if !c.read && n > 0 {
					t.Errorf("%d bytes waited for a client that did not read", n)
				}
				if took := time.Since(began); took > c.most {
					t.Errorf("the connection was kept for %s", took)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// pipeListener hands out connections that are no sockets.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
