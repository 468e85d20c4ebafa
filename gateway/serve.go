package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

// Serve serves Zync on a listener until ctx ends. Then it takes no new requests, and
// gives those at work the grace to end. The error says why the listener ended early, or
// that requests were cut off.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	server := g.server()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("gateway's listener: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.grace)
	defer cancel()
	err := server.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("gateway: requests were cut off: %w", err), server.Close())
	}
	if last := <-ended; !errors.Is(last, http.ErrServerClosed) {
		err = errors.Join(err, last)
	}
	return err
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
