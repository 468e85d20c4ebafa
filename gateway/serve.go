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
	// writeTimeout runs from the end of the header. It is patience and two seconds to
	// write.
	writeTimeout = 30 * time.Second
	// readTimeout cuts off an endless body. When it runs out, net/http cancels the request,
	// so it must be longer than a request may take.
	readTimeout = headerTimeout + writeTimeout + 5*time.Second
)

// follower is a listener that must know which of its connections are busy.
type follower interface{ Follow(server *http.Server) }

// Serve serves Zync on a listener until ctx ends. Then it accepts no new connection, and
// the open ones have the grace to be answered. The error says why the listener ended
// early, or that requests were cut off.
//
// It does not use [http.Server.Shutdown], which closes connections whose request has
// arrived and was not read yet.
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
		g.log.Warn("gateway's listener ended with an error", "err", err)
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

// server limits a client's time, its header and its silent connections. It serves one
// request on each connection, as Zync expects.
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
