package gateway

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// FuzzWhatever: whatever comes, Porta is asked for one of three paths with no parameters
// but the four, or not at all.
func FuzzWhatever(f *testing.F) {
	for _, line := range []string{
		"GET /admin/api/provider.json HTTP/1.1", "GET /admin/api/services/5/proxy.json HTTP/1.1", "GET http://x/admin/api/provider.json HTTP/1.1",
		"GET /admin/api/applications/find.json?app_id=1&service_id=5 HTTP/1.1", "GET /admin/api/applications/find.json?app_id=1;x=y HTTP/1.0",
		"POST /admin/api/services/5/proxy.json?access_token=x HTTP/1.1", "GET /admin/api/services/%35/proxy.json HTTP/1.1", "OPTIONS * HTTP/1.1",
		"GET /admin/api/services/5/../6/proxy.json HTTP/1.1", "CONNECT porta:3000 HTTP/1.1", "GET /admin/api/provider.json?user_key=%00%0a%26 HTTP/1.1",
	} {
		f.Add(line, "t1.example.com", "t1.example.com")
		f.Add(line, "t1.example.com, t2.example.com", "t1.example.com:80")
	}
	allowed := []string{"application_id", "app_id", "user_key", "service_id"}
	w := newWorld(f, 2)
	f.Fuzz(func(t *testing.T, line, forwarded, host string) {
		raw := line + "\r\nHost: " + host + "\r\nX-Zync-Token: " + credential + "\r\nX-Forwarded-Host: " + forwarded + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return // net/http answers
		}
		defer func() { _, _ = io.Copy(io.Discard, r.Body) }()
		before := w.porta.times()
		got := w.do(r)
		if w.porta.times() == before {
			if got.Code < 400 || got.Code == 404 || got.Code == 422 {
				t.Errorf("status %d without asking", got.Code)
			}
			return
		}
		asked := w.porta.last()
		if _, _, ok := parseTarget(asked.URL.RequestURI()); !ok || asked.Method != http.MethodGet || asked.Host != "porta.invalid" {
			t.Errorf("Porta was asked %s %s", asked.Method, asked.URL)
		}
		for name, values := range asked.URL.Query() {
			if !slices.Contains(allowed, name) || len(values) != 1 {
				t.Errorf("Porta was asked with %s %q", name, values)
			}
		}
		if host := asked.Header["X-Forwarded-Host"]; len(host) != 1 || !isHost(host[0]) {
			t.Errorf("Porta was asked for %q", host)
		}
		if _, token, given := asked.BasicAuth(); given && !w.tenants.has(db.Digest(secret.New(token))) {
			t.Error("Porta was asked with a token that does not live")
		}
	})
}

func (f *tenantsFake) has(digest secret.Text) (ok bool) {
	f.set(func(f *tenantsFake) { ok = f.tokens[digest.Reveal()] })
	return ok
}
