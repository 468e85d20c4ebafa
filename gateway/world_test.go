package gateway

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	credential  = "the-zync-credential"
	zyncHolds   = "zync" // what Zync holds
	hostOne     = "t1.example.com"
	accountJSON = `{"account":{"id":1}}`
	notFound    = `{"status":"Not found"}`
	railsJSON   = `{"status":404,"error":"Not Found"}`
)

// world is a gateway between fakes.
type world struct {
	*Gateway
	tenants  *tenantsFake
	porta    *portaFake
	registry *prometheus.Registry
	log      *syncBuffer
	zync     atomic.Value // the credential
}

func newWorld(tb testing.TB, tenants int) *world {
	tb.Helper()
	w := &world{tenants: newTenantsFake(tenants), registry: prometheus.NewRegistry(), log: &syncBuffer{}}
	w.porta = &portaFake{tenants: w.tenants}
	w.zync.Store(credential)
	g, err := New(Options{
		Porta: "http://porta.invalid", Zync: func() secret.Text { return secret.New(w.zync.Load().(string)) },
		Tenants: w.tenants, TTL: 24 * time.Hour, Registry: w.registry, Transport: w.porta,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	w.Gateway = g
	tb.Cleanup(g.Close)
	return w
}

// zyncAsks makes a request as Zync does.
func zyncAsks(host, uri string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, uri, nil)
	r.Host = "system-provider"
	r.SetBasicAuth("", zyncHolds)
	for name, value := range map[string]string{
		"Accept": "application/json", "Content-Type": "application/json", "X-Request-Id": "request-1",
		"X-Zync-Token": credential, "X-Forwarded-Host": host, "X-Forwarded-Proto": "https",
		"Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
	} {
		r.Header.Set(name, value)
	}
	return r
}

func (w *world) do(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	return recorder
}

// ask asks for a tenant's provider.json.
func (w *world) ask(host string) *httptest.ResponseRecorder {
	return w.do(zyncAsks(host, providerPath))
}

func (w *world) mustAnswer(t *testing.T, host string, status int) {
	t.Helper()
	if got := w.ask(host); got.Code != status {
		t.Errorf("%s: status %d %s, want %d", host, got.Code, got.Body, status)
	}
}

// counted reads the counter of an outcome.
func (w *world) counted(o outcome) float64 { return testutil.ToFloat64(w.metrics.requests[o]) }

type syncBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}

func (b *syncBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.String()
}

var errAway = errors.New("connection refused")
