package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/secret"
)

// behind returns a gateway before a Porta on a real socket.
func behind(tb testing.TB, tenants int, porta http.Handler) (*Gateway, *tenantsFake) {
	tb.Helper()
	server := httptest.NewServer(porta)
	tb.Cleanup(server.Close)
	fake := newTenantsFake(tenants)
	g, err := New(Options{
		Porta: server.URL + "/", Zync: func() secret.Text { return secret.New(credential) }, Tenants: fake,
		TTL: 24 * time.Hour, Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g, fake
}

func record(g http.Handler, r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	g.ServeHTTP(recorder, r)
	return recorder
}

// TestBrokenPorta: what comes over the network broken reaches Zync as what deletes nothing.
func TestBrokenPorta(t *testing.T) {
	t.Parallel()
	padding := strings.Repeat(" ", maxBody)
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = buffered.WriteString(text)
			_ = buffered.Flush()
			if strings.Contains(text, "Upgrade") {
				_, _ = io.Copy(io.Discard, conn) // says nothing until the gateway hangs up
			}
			_ = conn.Close()
		}
	}
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	for _, c := range []struct {
		name  string
		porta http.HandlerFunc
		want  int
	}{
		{"whole", body(accountJSON), 200},
		{"large", body(accountJSON + padding[len(accountJSON):]), 200},
		{"too large", body(accountJSON + padding), 502},
		{"small and cut short", raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + accountJSON), 502},
		{"chunked and cut short", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n" + accountJSON + "\r\n"), 502},
		{"404 cut short", raw("HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\n" + notFound), 503},
		{"500 cut short", raw("HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nx"), 500},
		{"another protocol", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), 502},
		{"no answer", raw(""), 503},
		{"no HTTP", raw("SSH-2.0-OpenSSH\r\n\r\n"), 503},
		{"a header without end", raw("HTTP/1.1 200 OK\r\nX: " + padding[:128<<10]), 503},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, 502},
		{"a login page", body("<html>Log in</html>"), 502},
		{"gzip unasked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("\x1f\x8b\x08"))
		}, 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, _ := behind(t, 1, c.porta)
			if got := record(g, zyncAsks(hostOne, providerPath)); got.Code != c.want {
				t.Errorf("status %d %.80s, want %d", got.Code, got.Body, c.want)
			}
			if len(g.porta.large) != 0 {
				t.Error("a large body's place was not given back")
			}
		})
	}
}

func TestPortaIsAway(t *testing.T) {
	t.Parallel()
	g, _ := behind(t, 1, http.NotFoundHandler())
	g.porta.base = "http://127.0.0.1:1"
	if got := record(g, zyncAsks(hostOne, providerPath)); got.Code != 503 {
		t.Errorf("status %d", got.Code)
	}
}

// TestNobodyWaitsLongerThanPatience: for a Porta that says nothing, over both tries.
func TestNobodyWaitsLongerThanPatience(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		slow func(w *world, r *http.Request) time.Duration
	}{
		{"at once", func(*world, *http.Request) time.Duration { return time.Hour }},
		{"at the second try", func(w *world, _ *http.Request) time.Duration {
			if w.porta.times() == 1 {
				return patience - time.Second
			}
			return time.Hour
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.porta.answersBy(func(r *http.Request) (*http.Response, error) {
					timer := time.NewTimer(c.slow(w, r))
					defer timer.Stop()
					select {
					case <-r.Context().Done():
						return nil, fmt.Errorf("round trip: %w", context.Cause(r.Context()))
					case <-timer.C:
						w.tenants.revoke()
						return response(403, ""), nil
					}
				})
				began := time.Now()
				w.mustAnswer(t, hostOne, 504)
				if took := time.Since(began); took != patience {
					t.Errorf("it took %s", took)
				}
				if shielded := w.shielded(); shielded != 1 {
					t.Errorf("shielded %v", shielded)
				}
			})
		})
	}
}

// TestLargeBodiesWaitForEachOther: of large bodies only so many are in memory at a time,
// and small ones do not wait for them.
func TestLargeBodiesWaitForEachOther(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	g, _ := behind(t, 2, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(accountJSON))
		if r.Header.Get("X-Forwarded-Host") == hostOne {
			_, _ = w.Write([]byte(strings.Repeat(" ", 4*smallBody)))
			w.(http.Flusher).Flush()
			<-release
		}
	}))
	var wg sync.WaitGroup
	for range 2 * largeMost {
		wg.Go(func() {
			if got := record(g, zyncAsks(hostOne, providerPath)); got.Code != 200 {
				t.Errorf("status %d", got.Code)
			}
		})
	}
	for len(g.porta.large) < largeMost {
		time.Sleep(time.Millisecond)
	}
	if got := record(g, zyncAsks("t2.example.com", providerPath)); got.Code != 200 {
		t.Errorf("a small body: status %d", got.Code)
	}
	close(release)
	wg.Wait()
	if len(g.porta.large) != 0 {
		t.Error("places were not given back")
	}
}

// Connections to Porta are kept and used again.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	clients := map[string]bool{}
	g, _ := behind(t, 1, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		clients[r.RemoteAddr] = true
		if r.UserAgent() != "" || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("net/http added %v", r.Header)
		}
		_, _ = w.Write([]byte(accountJSON))
	}))
	for range 20 {
		record(g, zyncAsks(hostOne, providerPath))
	}
	if len(clients) != 1 {
		t.Errorf("%d connections", len(clients))
	}
}
