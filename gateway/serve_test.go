package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// serve serves a gateway on the loopback until stop is called, which returns what Serve
// returned.
func serve(t *testing.T, g *Gateway) (addr string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx, listener) }()
	var result error
	stopped := false
	stop = func() error {
		if !stopped {
			stopped = true
			cancel()
			result = <-ended
		}
		return result
	}
	t.Cleanup(func() { _ = stop() })
	return listener.Addr().String(), stop
}

// TestAGracefulStop: no new requests, and those at work are finished.
func TestAGracefulStop(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	g, _ := behind(t, 1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		_, _ = w.Write([]byte(accountJSON))
	}))
	addr, stop := serve(t, g)
	fetcher := &zync.Fetcher{Addr: addr, Token: credential}
	job := zync.Fetch{Host: hostOne, URI: providerPath, Token: zyncHolds}
	got := make(chan zync.Fetched, 1)
	go func() { got <- fetcher.Do(context.Background(), job) }()
	<-arrived
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for fetcher.Do(t.Context(), job).Err == nil {
		time.Sleep(time.Millisecond)
	}
	close(release)
	if f := <-got; f.Status != 200 {
		t.Errorf("the request at work: status %d, %v", f.Status, f.Err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhoDoesNotEndIsCutOff(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	g, _ := behind(t, 1, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived); <-release }))
	g.grace = 50 * time.Millisecond
	addr, stop := serve(t, g)
	got := make(chan zync.Fetched, 1)
	go func() {
		got <- (&zync.Fetcher{Addr: addr, Token: credential}).Do(context.Background(), zync.Fetch{Host: hostOne, URI: providerPath})
	}()
	<-arrived
	if err := stop(); err == nil {
		t.Error("no error for what was cut off")
	}
	if f := <-got; f.Err == nil || f.Deleted {
		t.Errorf("status %d, deleted %t", f.Status, f.Deleted)
	}
}

// TestOverASocket: what net/http itself could answer deletes nothing either.
func TestOverASocket(t *testing.T) {
	t.Parallel()
	g, _ := behind(t, 1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(accountJSON)) }))
	addr, _ := serve(t, g)
	head := "Host: x\r\nX-Zync-Token: " + credential + "\r\nX-Forwarded-Host: " + hostOne + "\r\n"
	for request, want := range map[string]string{
		"GET " + providerPath + " HTTP/1.1\r\n" + head + "\r\n":                                          "200",
		"GET " + providerPath + " HTTP/1.0\r\n" + head + "\r\n":                                          "200",
		"GET " + providerPath + " HTTP/1.1\r\n" + head + "Content-Length: 3\r\n\r\nabc":                  "200",
		"OPTIONS * HTTP/1.1\r\n" + head + "\r\n":                                                         "403",
		"GET http://" + hostOne + providerPath + " HTTP/1.1\r\n" + head + "\r\n":                         "403",
		"CONNECT porta:3000 HTTP/1.1\r\n" + head + "\r\n":                                                "403",
		"GET " + providerPath + " HTTP/1.1\r\nX-Zync-Token: " + credential + "\r\n\r\n":                  "400",
		"GET " + providerPath + " HTTP/1.1\r\n" + head + "X: " + strings.Repeat("x", 1<<16) + "\r\n\r\n": "431",
		"\x16\x03\x01\x02\x00\x01\r\n\r\n":                                                               "400",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                               "401",
		"GET  HTTP/1.1\r\n" + head + "\r\n":                                                              "400",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n":                                                              "401",
		"GET /x y HTTP/1.1\r\n" + head + "\r\n":                                                          "400",
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, request)
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer, _ := io.ReadAll(conn)
		_ = conn.Close()
		if status, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(string(answer), "HTTP/1.1 "), "HTTP/1.0 "), " "); status != want {
			t.Errorf("%.70q: %.60q, want %s", request, answer, want)
		}
		if !strings.Contains(string(answer), "Connection: close") && want == "200" && !strings.Contains(request, "HTTP/1.0") {
			t.Errorf("%.70q: the connection is kept", request)
		}
	}
}

// TestWhoClosesItsSideOnly still reads. It must not get the empty 200 that net/http sends
// for a handler that writes nothing.
func TestWhoClosesItsSideOnly(t *testing.T) {
	t.Parallel()
	g, _ := behind(t, 1, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	addr, _ := serve(t, g)
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET "+providerPath+" HTTP/1.1\r\nHost: x\r\nX-Zync-Token: "+credential+"\r\nX-Forwarded-Host: "+hostOne+"\r\n\r\n")
	_ = conn.(*net.TCPConn).CloseWrite()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if answer, _ := io.ReadAll(conn); len(answer) > 0 {
		t.Errorf("it got %q", answer)
	}
}

// TestARollingRestartLosesNothing: two gateways behind a balancer that tries the other one
// where a connection cannot be had. They are restarted in turn under load.
func TestARollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	g, _ := behind(t, 1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Millisecond)
		_, _ = w.Write([]byte(accountJSON))
	}))
	var addrs [2]atomic.Value
	var stops [2]func() error
	start := func(i int) {
		addr, stop := serve(t, g)
		addrs[i].Store(addr)
		stops[i] = stop
	}
	start(0)
	start(1)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var carried atomic.Int32
	for range 8 {
		wg.Go(func() {
			for turn := 0; ctx.Err() == nil; turn++ {
				if got := balanced(&addrs, turn); got.Status != 200 {
					t.Errorf("status %d, %v", got.Status, got.Err)
				}
				carried.Add(1)
			}
		})
	}
	for restart := range 20 {
		time.Sleep(20 * time.Millisecond)
		if err := stops[restart%2](); err != nil {
			t.Error(err)
		}
		start(restart % 2)
	}
	stop()
	wg.Wait()
	t.Logf("%d requests over 20 restarts", carried.Load())
}

// balanced makes a request by way of one address or, where no connection can be had, the other.
func balanced(addrs *[2]atomic.Value, turn int) (got zync.Fetched) {
	for try := range 20 {
		fetcher := &zync.Fetcher{Addr: addrs[(turn+try)%2].Load().(string), Token: credential}
		got = fetcher.Do(context.Background(), zync.Fetch{Host: hostOne, URI: providerPath, Token: zyncHolds})
		var dial *net.OpError
		connected := !errors.As(got.Err, &dial) || dial.Op != "dial"
		// The kernel can take in a client in the instant before the listener closes, and
		// then resets it. Zync's HTTP client repeats a GET after that by itself.
		if connected && !errors.Is(got.Err, syscall.ECONNRESET) && !errors.Is(got.Err, syscall.EPIPE) {
			return got
		}
	}
	return got
}
