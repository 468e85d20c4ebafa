// Package zync stands in for Zync: as strict as the real one, as short of
// threads, able to fail in every way that it or the network before it can, and
// with a memory of who held which token when.
package zync

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// Threads of Zync's web server; a connection occupies one from its opening to
	// its close.
	Threads = 3
	// silence is how long a thread waits for a request that does not come.
	silence = 30 * time.Second
)

// Push is one PUT as Zync saw it.
type Push struct {
	N           int // counts PUTs from 1
	TenantID    int64
	Token       string
	HasEndpoint bool
}

// Fault is what goes wrong with a push. The zero Fault is nothing.
type Fault struct {
	Status int         // answer with it in place of Zync's own
	Header http.Header // beside it
	Body   string      // in place of Zync's own
	Delay  time.Duration
	Store  bool // though it fails, the token has been stored
	Cut    bool // close the connection in place of an answer
	Hang   bool // say nothing until the client gives up
}

// Holding is a token that a tenant was given at a time.
type Holding struct {
	TenantID int64
	Token    string
	Endpoint string
	At       time.Time
}

// Zync is a running stand-in.
type Zync struct {
	URL string

	server   *http.Server
	slots    chan struct{}
	mu       sync.Mutex
	token    string
	fault    func(Push) Fault
	delay    time.Duration
	holds    map[int64]Holding
	history  []Holding
	pushes   int
	open     int
	mostOpen int
	waited   time.Duration // by all connections, from their opening to the answer
}

// Options describe a stand-in.
type Options struct {
	Token   string        // the credential to ask for; none where empty
	Delay   time.Duration // the time that each PUT takes
	Threads int           // Threads where zero
	Addr    string        // 127.0.0.1:0 where empty
}

// Start starts a stand-in on a free port of the loopback.
func Start(o Options) (*Zync, error) {
	if o.Threads == 0 {
		o.Threads = Threads
	}
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, err
	}
	z := &Zync{
		URL: "http://" + listener.Addr().String(), token: o.Token, delay: o.Delay,
		slots: make(chan struct{}, o.Threads), holds: map[int64]Holding{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /tenant", z.putTenant)
	mux.HandleFunc("GET /status/live", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	z.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer r.Context().Value(threadKey{}).(*thread).answered()
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: silence,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, threadKey{}, conn)
		},
	}
	z.server.SetKeepAlivesEnabled(false)
	go func() { _ = z.server.Serve(&threads{Listener: listener, zync: z}) }()
	return z, nil
}

// threadKey is where a request's context has its connection.
type threadKey struct{}

// Close ends the stand-in and what it serves.
func (z *Zync) Close() { _ = z.server.Close() }

// SetFault has f decide what goes wrong with each push; nil ends all trouble.
func (z *Zync) SetFault(f func(Push) Fault) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.fault = f
}

// Know has Zync know a tenant already, with the token and endpoint that it holds.
func (z *Zync) Know(id int64, endpoint, token string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.store(Holding{TenantID: id, Token: token, Endpoint: endpoint, At: time.Now()})
}

// Holds returns what Zync holds, by tenant.
func (z *Zync) Holds() map[int64]Holding {
	z.mu.Lock()
	defer z.mu.Unlock()
	return maps.Clone(z.holds)
}

// History returns every token that was stored, in order.
func (z *Zync) History() []Holding {
	z.mu.Lock()
	defer z.mu.Unlock()
	return append([]Holding(nil), z.history...)
}

// Pushes is how many PUTs have come.
func (z *Zync) Pushes() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.pushes
}

// Open is how many connections wait for their answer.
func (z *Zync) Open() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.open
}

// Latency is how long an answer took on average, as its client saw it.
func (z *Zync) Latency() time.Duration {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.waited / time.Duration(max(1, z.pushes))
}

// MostOpen is the most connections that waited for their answer at a time.
func (z *Zync) MostOpen() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.mostOpen
}
