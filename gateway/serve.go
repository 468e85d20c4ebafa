package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	maxHeader     = 16 << 10
	// writeTimeout runs from the end of the header: patience, and two seconds to write.
	writeTimeout = 30 * time.Second
	// readTimeout cuts off a body that does not end. net/http takes it for the end of the
	// client, so it must not run out while a request is at work.
	readTimeout = headerTimeout + writeTimeout + 5*time.Second
)

// follower is a listener that must know which of its connections are at work.
type follower interface{ Follow(server *http.Server) }

// Serve serves Zync on a listener until ctx ends. Then it takes no new connections, and
// gives those that it has the grace to be answered. The error says why the listener ended
// early, or that requests were cut off.
//
// It does not stop by [http.Server.Shutdown], which closes connections whose request has
// come but was not read yet.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	incoming := &draining{Listener: listener}
	var open sync.WaitGroup
	server := g.server()
	if bounded, ok := listener.(follower); ok {
		bounded.Follow(server)
	}
	server.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		default:
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(incoming) }()
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("gateway's listener: %w", err), server.Close())
	case <-ctx.Done():
	}
	incoming.stop()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		g.log.Warn("gateway's listener did not end as it should", "err", err)
	}
	answered := make(chan struct{})
	go func() { open.Wait(); close(answered) }()
	grace := time.NewTimer(g.grace)
	defer grace.Stop()
	select {
	case <-answered:
		return nil
	case <-grace.C:
	}
	err := server.Close()
	<-answered
	return errors.Join(errors.New("gateway: requests were cut off at the end of the grace"), err)
}

// server bounds what a client can take: time, header, connections that say nothing. It
// serves one request a connection, as Zync asks for.
func (g *Gateway) server() *http.Server {
	server := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		// net/http would answer "OPTIONS *" with an empty 200.
		DisableGeneralOptionsHandler: true,
	}
	server.SetKeepAlivesEnabled(false)
	return server
}
