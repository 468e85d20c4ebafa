package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

const (
	// headerBytes is the limit of the request line and the header: 8 KiB, since net/http
	// reads 4 KiB more than its limit.
	headerBytes   = 8<<10 - 4<<10
	headerTimeout = 5 * time.Second
	idleTimeout   = time.Minute
	// transfer is how long a client may take to send a request and to read the answer.
	// The handler's time is not part of it.
	transfer = 10 * time.Second
	// streams is how many requests a client may send at a time over HTTP/2.
	streams = 8
)

// Options configure a Server.
type Options struct {
	Address string
	Handler http.Handler
	Log     *slog.Logger
	// Connections is how many may be open at a time. 0 means 64. There are fewer if the
	// process may not open enough descriptors.
	Connections int
	// Reserve is how many descriptors the rest of the program needs. 0 means 48.
	Reserve int
	// Each is how many descriptors a connection needs, with those that its requests open.
	// 0 means 1.
	Each int
	// Longest is how long the handler may take for a request. 0 means 10 s.
	Longest time.Duration
}

// Server serves HTTP on one address.
type Server struct {
	listener *Listener
	server   *http.Server
}

// Listen binds the address. [Server.Serve] then serves the clients.
func Listen(ctx context.Context, o Options) (*Server, error) {
	listener, err := Bind(ctx, o)
	if err != nil {
		return nil, err
	}
	o.setDefaults()
	return newServer(listener, o), nil
}

// Bind binds the address for a server of the caller's own, which calls
// [Listener.Follow]. Handler and Longest are not used.
func Bind(ctx context.Context, o Options) (*Listener, error) {
	bound, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, err
	}
	o.setDefaults()
	return newListener(bound, limit(o.Connections, o.Reserve, o.Each), newReports(o.Log)), nil
}

func newServer(listener *Listener, o Options) *Server {
	s := &Server{
		listener: listener,
		server: &http.Server{
			Handler:           o.Handler,
			ErrorLog:          log.New(listener.reports, "", 0),
			MaxHeaderBytes:    headerBytes,
			ReadHeaderTimeout: headerTimeout,
			// net/http cancels a handler's context when the time to read is over.
			ReadTimeout:  o.Longest + transfer,
			WriteTimeout: o.Longest + transfer,
			IdleTimeout:  idleTimeout,
			HTTP2:        &http.HTTP2Config{MaxConcurrentStreams: streams},
		},
	}
	listener.Follow(s.server)
	return s
}

func (o *Options) setDefaults() {
	if o.Connections == 0 {
		o.Connections = 64
	}
	if o.Reserve == 0 {
		o.Reserve = 48
	}
	if o.Each == 0 {
		o.Each = 1
	}
	if o.Longest == 0 {
		o.Longest = 10 * time.Second
	}
}

// Addr returns the address that is bound.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers clients until the server is closed, and then returns
// [http.ErrServerClosed]. The file configures TLS and basic authentication, see
// exporter-toolkit. Without a file there is neither.
func (s *Server) Serve(webConfigFile string) error {
	// The caller logs that the program listens. The toolkit would log it again.
	quietly := slog.New(slog.DiscardHandler)
	return web.Serve(s.listener, s.server, &web.FlagConfig{WebConfigFile: &webConfigFile}, quietly)
}

// Close closes all connections at once.
func (s *Server) Close() error { return errors.Join(s.server.Close(), s.listener.Close()) }

type connKey struct{}

// withConn notes the connection of a request, for [working].
func withConn(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// working marks the connection as busy while the handler works.
func working(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*conn); ok {
			c.begin()
			defer c.end()
		}
		handler.ServeHTTP(w, r)
	})
}
