package servers

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Balancer hands each connection to one of its backends in turn, and to the next one if
// it is refused, as a balancer of connections does.
type Balancer struct {
	Addr string

	listener net.Listener
	backends []string
	next     atomic.Int64
	open     sync.WaitGroup
}

// StartBalancer starts a balancer on a free port of the loopback.
func StartBalancer(backends ...string) (*Balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{Addr: listener.Addr().String(), listener: listener, backends: backends}
	b.open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			b.open.Go(func() { b.carry(client) })
		}
	})
	return b, nil
}

// Close takes no further connection, and waits for those that are open.
func (b *Balancer) Close() {
	_ = b.listener.Close()
	b.open.Wait()
}

func (b *Balancer) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	first := int(b.next.Add(1))
	for i := range b.backends {
		server, err := net.Dial("tcp", b.backends[(first+i)%len(b.backends)])
		if err != nil {
			continue
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(client, server)
		_ = server.Close()
		return
	}
}
