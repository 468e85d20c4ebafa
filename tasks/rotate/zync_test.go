package rotate_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks/rotate"
)

const (
	plaintext  = "5ec2e7aaaaaaaaaaaaaaaaaaaaaaaaaa"
	credential = "5ec2e7bbbbbbbb"
)

func newClient(tb testing.TB, endpoint string) *rotate.Client {
	tb.Helper()
	c, err := rotate.NewClient(rotate.ClientOptions{
		Endpoint: endpoint, Token: func() secret.Text { return secret.New(credential) }, Concurrency: 3, Now: time.Now,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func push(tb testing.TB, endpoint, host string) rotate.Answer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), time.Second)
	defer cancel()
	answer := newClient(tb, endpoint).Push(ctx, db.Tenant{ID: 42, Host: sql.NullString{String: host, Valid: host != ""}}, secret.New(plaintext))
	if answer.Err != nil && strings.Contains(answer.Err.Error(), "5ec2e7") {
		tb.Errorf("error %q holds a secret", answer.Err)
	}
	return answer
}

func TestPushBodies(t *testing.T) {
	for _, c := range []struct {
		statuses string // in turn
		host     string
		want     rotate.Class
		bodies   []string
	}{
		{"201", "t.example.com", rotate.Delivered, []string{`{"id":42,"access_token":"` + plaintext + `"}`}},
		{"422 204", "t.example.com", rotate.Delivered, []string{
			`{"id":42,"access_token":"` + plaintext + `"}`,
			`{"id":42,"endpoint":"https://t.example.com/","access_token":"` + plaintext + `"}`,
		}},
		{"422 422", "t.example.com:8443", rotate.Invalid, []string{
			`{"id":42,"access_token":"` + plaintext + `"}`,
			`{"id":42,"endpoint":"https://t.example.com:8443/","access_token":"` + plaintext + `"}`,
		}},
		{"422 500", "t.example.com", rotate.Transient, nil},
		{"422", "", rotate.Invalid, nil},
		{"422", "evil.example.com/path?x=", rotate.Invalid, nil},
		{"422", `"><script>`, rotate.Invalid, nil},
		{"422", "user:password@host", rotate.Invalid, nil},
		{"422", strings.Repeat("a", 256), rotate.Invalid, nil},
		{"422", "😀.example.com", rotate.Invalid, nil},
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

// TestHostileAnswers: what is not HTTP, does not end, or lies, is one push's
// failure for the moment, and never takes longer than the time it has.
func TestHostileAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want rotate.Class
	}{
		"nothing":           {"", rotate.Transient},
		"not HTTP":          {"SSH-2.0-OpenSSH_9.2\r\n", rotate.Transient},
		"status of letters": {"HTTP/1.1 abc OK\r\n\r\n", rotate.Transient},
		"endless header":    {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20), rotate.Transient},
		"redirect":          {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", rotate.Rejected},
		"lying length":      {"HTTP/1.1 201 Created\r\nContent-Length: 1000\r\n\r\nshort", rotate.Delivered},
		"negative length":   {"HTTP/1.1 201 Created\r\nContent-Length: -5\r\n\r\n", rotate.Transient},
		"endless body":      {"HTTP/1.1 201 Created\r\n\r\n" + strings.Repeat("x", 1<<20), rotate.Delivered},
		"bad chunks":        {"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", rotate.Delivered},
		"echo of the token": {"HTTP/1.1 500 Oops\r\nContent-Length: 32\r\n\r\n" + plaintext, rotate.Transient},
		"early hint alone":  {"HTTP/1.1 103 Early Hints\r\n\r\n", rotate.Transient},
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
	if answer := push(t, endpoint, "t.example.com"); answer.Class != rotate.Transient || answer.Sent {
		t.Errorf("%+v, want a failure for the moment that reached nobody", answer)
	}
}

func TestHangingZyncIsSlow(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client has gone
		<-r.Context().Done()
	}))
	defer server.Close()
	if answer := push(t, server.URL, "t.example.com"); answer.Class != rotate.Transient || !answer.Slow || !answer.Sent {
		t.Errorf("%+v, want a slow failure for the moment", answer)
	}
}

// FuzzAnswer: whatever bytes come back, the push has one of the four outcomes,
// and its error quotes no secret.
func FuzzAnswer(f *testing.F) {
	f.Add("HTTP/1.1 422 Unprocessable\r\nContent-Length: 40\r\n\r\n" + `{"errors":{"endpoint":["can't be blank"]}}`)
	f.Add("HTTP/1.1 429 Slow\r\nRetry-After: 99999999999\r\n\r\n")
	f.Add("HTTP/1.0 200\r\n\r\n\x00\xff")
	f.Add("HTTP/1.1 422 X\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08")
	f.Fuzz(func(t *testing.T, raw string) {
		if answer := push(t, rawServer(t, raw), "t.example.com"); (answer.Class == rotate.Delivered) != (answer.Err == nil) {
			t.Errorf("%+v", answer)
		}
	})
}

func TestVerifier(t *testing.T) {
	var got *http.Request
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(status)
	}))
	defer server.Close()
	v, err := rotate.NewVerifier(server.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	tenant := db.Tenant{ID: 1, Host: sql.NullString{String: "t1-admin.example.com", Valid: true}}
	for code, want := range map[int]string{200: "", 204: "", 401: "does not accept", 403: "does not accept", 302: "answered 302", 404: "answered 404", 503: "answered 503"} {
		status = code
		err := v.Verify(t.Context(), tenant, secret.New(plaintext))
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%d: error %v, want %q", code, err, want)
		}
	}
	user, password, _ := got.BasicAuth()
	if got.Method != http.MethodGet || got.URL.Path != "/admin/api/provider.json" || user != "" || password != plaintext ||
		got.Header.Get("X-Forwarded-Host") != "t1-admin.example.com" || got.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("request %s %s %v", got.Method, got.URL, got.Header)
	}
	if err := v.Verify(t.Context(), db.Tenant{ID: 1}, secret.New(plaintext)); err == nil {
		t.Error("a tenant without a host was verified")
	}
}
