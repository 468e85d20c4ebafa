package zync_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

const (
	plaintext  = "5ec2e7aaaaaaaaaaaaaaaaaaaaaaaaaa"
	credential = "5ec2e7bbbbbbbb"
)

func newClient(tb testing.TB, endpoint string) *zync.Client {
	tb.Helper()
	c, err := zync.NewClient(zync.Options{
		URL: endpoint, Token: func() secret.Text { return secret.New(credential) }, Now: time.Now,
		Transport: zync.NewTransport(zync.TransportOptions{Connections: 3}),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func push(tb testing.TB, endpoint, host string) zync.Answer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Second)
	defer cancel()
	answer := newClient(tb, endpoint).Push(ctx, zync.Tenant{ID: 42, Host: host}, secret.New(plaintext))
	if answer.Err != nil && (strings.Contains(answer.Err.Error(), "5ec2e7") || strings.Contains(answer.Err.Error(), "deadline")) {
		tb.Errorf("error %q holds a secret", answer.Err)
	}
	return answer
}

func TestPushBodies(t *testing.T) {
	for _, c := range []struct {
		statuses string // in turn
		host     string
		want     zync.Class
		bodies   []string
	}{
		{"201", "t.example.com", zync.Delivered, []string{`{"id":42,"access_token":"` + plaintext + `"}`}},
		{"422 204", "t.example.com", zync.Delivered, []string{
			`{"id":42,"access_token":"` + plaintext + `"}`,
			`{"id":42,"endpoint":"https://t.example.com/","access_token":"` + plaintext + `"}`,
		}},
		{"422 422", "t.example.com:8443", zync.Invalid, []string{
			`{"id":42,"access_token":"` + plaintext + `"}`,
			`{"id":42,"endpoint":"https://t.example.com:8443/","access_token":"` + plaintext + `"}`,
		}},
		{"422 500", "t.example.com", zync.Transient, nil},
		{"422", "", zync.Invalid, nil},
		{"422", "evil.example.com/path?x=", zync.Invalid, nil},
		{"422", `"><script>`, zync.Invalid, nil},
		{"422", "user:password@host", zync.Invalid, nil},
		{"422", strings.Repeat("a", 256), zync.Invalid, nil},
		{"422", "😀.example.com", zync.Invalid, nil},
	} {
		statuses := strings.Fields(c.statuses)
		var bodies []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			if r.Method != http.MethodPut || r.URL.Path != "/base/tenant" || r.Header.Get("Content-Type") != "application/json" ||
				r.Header.Get("Authorization") != `Token token="`+credential+`"` || !r.Close {
				t.Errorf("request %s %s %v", r.Method, r.URL, r.Header)
			}
			var status int
			_, _ = fmt.Sscan(statuses[len(bodies)-1], &status)
			w.WriteHeader(status)
		}))
		answer := push(t, server.URL+"/base/", c.host)
		server.Close()
		if answer.Class != c.want || len(bodies) != len(statuses) {
			t.Errorf("%s to %q: %s after %d requests, want %s", c.statuses, c.host, answer.Class, len(bodies), c.want)
		}
		if c.bodies != nil && fmt.Sprint(bodies) != fmt.Sprint(c.bodies) {
			t.Errorf("bodies %v, want %v", bodies, c.bodies)
		}
	}
}

// TestHostileAnswers: an answer that is not HTTP, does not end, or lies, is a temporary
// failure of one push. The push never takes longer than its time-out.
func TestHostileAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want zync.Class
	}{
		"nothing":           {"", zync.Transient},
		"not HTTP":          {"SSH-2.0-OpenSSH_9.2\r\n", zync.Transient},
		"status of letters": {"HTTP/1.1 abc OK\r\n\r\n", zync.Transient},
		"endless header":    {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), zync.Transient},
		"redirect":          {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", zync.Rejected},
		"login page":        {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>log in</html>", zync.Rejected},
		"empty 200":         {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", zync.Rejected},
		"200 with a string": {"HTTP/1.1 200 OK\r\n\r\n\"ok\"", zync.Rejected},
		"200 with null":     {"HTTP/1.1 200 OK\r\n\r\nnull", zync.Rejected},
		"200 with JSON":     {"HTTP/1.1 200 OK\r\n\r\n{\"tenant\":{}}", zync.Delivered},
		"202":               {"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", zync.Rejected},
		"lying length":      {"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\nshort", zync.Delivered},
		"negative length":   {"HTTP/1.1 201 Created\r\nContent-Length: -5\r\n\r\n", zync.Transient},
		"endless body":      {"HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("x", 1<<20), zync.Delivered},
		"bad chunks":        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", zync.Delivered},
		"echo of the token": {"HTTP/1.1 500 Oops\r\nContent-Length: 32\r\n\r\n" + plaintext, zync.Transient},
		"early hint alone":  {"HTTP/1.1 103 Early Hints\r\n\r\n", zync.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			answer := push(t, rawServer(t, c.raw), "t.example.com")
			if answer.Class != c.want || !answer.Sent {
				t.Errorf("%+v, want %s and that the push may have arrived", answer, c.want)
			}
		})
	}
}

// rawServer answers each request with raw and closes the connection.
func rawServer(tb testing.TB, raw string) string {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, request.Body)
			}
			_, _ = io.WriteString(conn, raw)
			_ = conn.Close()
		}
	}()
	tb.Cleanup(func() { _ = listener.Close(); <-done })
	return "http://" + listener.Addr().String()
}

func TestUnreachableZyncWasSentNothing(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := "http://" + listener.Addr().String()
	_ = listener.Close()
	if answer := push(t, endpoint, "t.example.com"); answer.Class != zync.Transient || answer.Sent {
		t.Errorf("%+v, want a temporary failure that reached nobody", answer)
	}
}

func TestHangingZyncIsSlow(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer server.Close()
	if answer := push(t, server.URL, "t.example.com"); answer.Class != zync.Transient || !answer.Slow || !answer.Sent {
		t.Errorf("%+v, want a slow temporary failure", answer)
	}
}

// FuzzAnswer: for any bytes, the push has one of the four outcomes, and its error
// quotes no secret.
func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 422 Unprocessable\r\nContent-Length: 40\r\n\r\n" + `{"errors":{"endpoint":["can't be blank"]}}`)
	f.Add("HTTP/1.1 429 Slow\r\nRetry-After: 99999999999\r\n\r\n")
	f.Add("HTTP/1.0 200\r\n\r\n\x00\xff")
	f.Add("HTTP/1.1 422 X\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08")
	f.Fuzz(func(t *testing.T, raw string) {
		if answer := push(t, rawServer(t, raw), "t.example.com"); (answer.Class == zync.Delivered) != (answer.Err == nil) {
			t.Errorf("%+v", answer)
		}
	})
}

// TestAliveIsZyncsOwnWord: only a 200 with a JSON object says that Zync is up.
func TestAliveIsZyncsOwnWord(t *testing.T) {
	for raw, want := range map[string]bool{
		"HTTP/1.1 200 OK\r\n\r\n{}":                                   true,
		"HTTP/1.1 200 OK\r\n\r\n<html>":                               false,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n":                false,
		"HTTP/1.1 500 Oops\r\n\r\n{}":                                 false,
		"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n": false,
	} {
		if err := newClient(t, rawServer(t, raw)).Alive(t.Context()); (err == nil) != want {
			t.Errorf("%q: error %v, want alive %t", raw, err, want)
		}
	}
}

// TestNoProxyOfTheEnvironment: a push for http://zync:8080 would pass the proxy
// as plain text, with the credential and the token in it.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxied := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was asked") }))
	defer proxied.Close()
	t.Setenv("HTTP_PROXY", proxied.URL)
	if answer := push(t, "http://zync.invalid:1", "t.example.com"); answer.Class != zync.Transient {
		t.Errorf("%+v", answer)
	}
}

// TestErrorsNameTheProxy: a proxy's 403 is not Zync's or Porta's refusal.
func TestErrorsNameTheProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "denied by policy", http.StatusForbidden)
	}))
	defer proxy.Close()
	target, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.User = url.UserPassword("u", "hunter2")
	clean := secret.NewScrubber(secret.New("hunter2")).Error
	transport := zync.NewTransport(zync.TransportOptions{Proxy: http.ProxyURL(target), Clean: clean})
	client, err := zync.NewClient(zync.Options{URL: "http://zync.invalid:1", Now: time.Now, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	porta, err := zync.NewPorta(zync.PortaOptions{URL: "http://porta.invalid", Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	tenant := zync.Tenant{ID: 1, Host: "a.example.com"}
	errs := []error{
		client.Push(t.Context(), tenant, secret.New("x")).Err, client.Alive(t.Context()),
		porta.Verify(t.Context(), tenant, secret.New("x")),
	}
	proxy.Close() // and now it is away
	errs = append(errs, client.Push(t.Context(), tenant, secret.New("x")).Err, porta.Verify(t.Context(), tenant, secret.New("x")))
	for i, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "through proxy "+proxy.URL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%d: %v", i, err)
		}
	}
}
