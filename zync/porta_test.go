package zync_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

func TestVerify(t *testing.T) {
	var got *http.Request
	status, body := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	defer server.Close()
	v, err := zync.NewPorta(zync.PortaOptions{
		URL: server.URL + "/", Token: func() secret.Text { return secret.New(credential) },
		Transport: zync.NewTransport(zync.TransportOptions{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	tenant := zync.Tenant{ID: 1, Host: "t1-admin.example.com"}
	for _, c := range []struct {
		status  int
		body    string
		refused bool
		want    string
	}{
		{200, "{}", false, ""},
		{204, "", false, ""},
		{401, "", true, "does not accept"},
		{403, `{"error":"Your access token does not have the correct permissions"}`, true, "does not accept"},
		{403, "", false, "not approved"},
		{302, "", false, "answered 302"},
		{404, "", false, "answered 404"},
		{503, "", false, "answered 503"},
	} {
		status, body = c.status, c.body
		err := v.Verify(t.Context(), tenant, secret.New(plaintext))
		if errors.Is(err, zync.ErrNotAccepted) != c.refused || (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%d %q: error %v, want %q", c.status, c.body, err, c.want)
		}
	}
	user, password, _ := got.BasicAuth()
	if got.Method != http.MethodGet || got.URL.Path != "/admin/api/provider.json" || user != "" || password != plaintext ||
		got.Header.Get("X-Forwarded-Host") != "t1-admin.example.com" || got.Header.Get("X-Forwarded-Proto") != "https" ||
		got.Header.Get("X-Zync-Token") != credential {
		t.Errorf("request %s %s %v", got.Method, got.URL, got.Header)
	}
	if err := v.Verify(t.Context(), zync.Tenant{ID: 1}, secret.New(plaintext)); err == nil {
		t.Error("a tenant without a host was verified")
	}
}
