package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
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
