package gateway

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	standin "github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// realWorld is Zync's fetching, a gateway, a MariaDB, a Porta that reads it, and proxies
// before the two that can do what networks do.
type realWorld struct {
	*Gateway
	db      *standin.Porta
	api     *standin.API
	zync    *zync.Fetcher
	log     *syncBuffer
	toMySQL *toxiproxy.Proxy
	toPorta *toxiproxy.Proxy
}

func newRealWorld(t *testing.T) *realWorld {
	t.Helper()
	w := &realWorld{db: standin.New(t), log: &syncBuffer{}}
	if _, err := w.db.Fill(t.Context(), standin.Seed{Tenants: 120, Buyers: 50}); err != nil {
		t.Fatal(err)
	}
	w.api = standin.NewAPI(w.db, credential)
	server := httptest.NewServer(w.api)
	t.Cleanup(server.Close)
	w.toMySQL, w.toPorta = newToxic(t, w.db.Addr), newToxic(t, strings.TrimPrefix(server.URL, "http://"))
	pool, err := db.Open(db.Options{URL: secret.New(w.db.URLAt(w.toMySQL.Listen))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	w.Gateway, err = New(Options{
		Porta: "http://" + w.toPorta.Listen, Zync: func() secret.Text { return secret.New(credential) },
		Tenants: db.NewHosts(pool, "3scaleadmin"), TTL: 24 * time.Hour, Registry: prometheus.NewRegistry(),
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	addr, _ := serve(t, w.Gateway)
	w.zync = &zync.Fetcher{Addr: addr, Token: credential, TimeOut: 35 * time.Second}
	return w
}

func (w *realWorld) fetch(t *testing.T, tenant int64, uri string) zync.Fetched {
	t.Helper()
	got := w.zync.Do(t.Context(), zync.Fetch{Host: adminHost(tenant), URI: uri, Token: zyncHolds, ID: "request-1"})
	if got.Err != nil {
		t.Errorf("tenant %d: %v", tenant, got.Err)
	}
	return got
}

func adminHost(id int64) string {
	return strings.TrimSuffix(strings.TrimPrefix(standin.Endpoint(id), "https://"), "/")
}

func (w *realWorld) count(t *testing.T) (n int) {
	t.Helper()
	if err := w.db.DB.Get(&n, "SELECT COUNT(*) FROM access_tokens"); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestEveryState: Zync gets what Porta says of each tenant, with the placeholder in hand.
func TestEveryState(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	for id := int64(2); id < 42; id++ {
		var state string
		if err := w.db.DB.Get(&state, "SELECT COALESCE(state, '') FROM accounts WHERE id = ?", id); err != nil {
			t.Fatal(err)
		}
		want := 403 // a live token of a tenant that is not approved
		switch {
		case id == 37: // no owner
			want = 503
		case state == "approved":
			want = 200
		}
		for _, uri := range []string{providerPath, "/admin/api/services/5/proxy.json", findPath + "?app_id=abc123&service_id=5"} {
			if got := w.fetch(t, id, uri); got.Status != want || got.Deleted {
				t.Errorf("tenant %d (%s): status %d %s, deleted %t, want %d", id, state, got.Status, got.Body, got.Deleted, want)
			}
		}
	}
	if n := w.count(t); n != 39 {
		t.Errorf("%d tokens for 39 tenants with an owner", n)
	}
	for _, asked := range w.api.Asked() {
		if _, ok, err := w.db.Accepts(t.Context(), asked.Token); !ok || err != nil {
			t.Errorf("%s was asked with a token that Porta does not know", asked.Host)
		}
	}
}

// TestOnlyWhatIsGoneIsDeleted: of all answers that make Zync delete, those alone come
// through that are true.
func TestOnlyWhatIsGoneIsDeleted(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	const app = findPath + "?application_id=11"
	w.api.Remove(adminHost(8), app)
	if got := w.fetch(t, 8, app); got.Status != 404 || !got.Deleted {
		t.Errorf("an application that is gone: %d", got.Status)
	}
	w.db.DB.MustExec("DELETE FROM accounts WHERE id = 16")
	if got := w.fetch(t, 16, app); got.Status != 404 || !got.Deleted {
		t.Errorf("a tenant that is gone: %d", got.Status)
	}
	for _, fault := range []standin.Fault{
		{Status: 404, Type: "text/html", Body: standin.NotFoundPage}, {Status: 404, Body: standin.RailsNotFound}, {Status: 404},
		{Status: 200}, {Status: 200, Body: "{}"}, {Status: 200, Body: "<html>"}, {Status: 204}, {Status: 422, Body: "{}"}, {Status: 302},
		{Status: 200, Body: `{"application":{"id":1}`, CutShort: true}, {Status: 410}, {Status: 500}, {Status: 429}, {Status: 403}, {Cut: true},
	} {
		w.api.SetFault(func(standin.Request) standin.Fault { return fault })
		got := w.fetch(t, 24, app)
		if got.Deleted || got.Status < 400 {
			t.Errorf("%+v: status %d, deleted %t", fault, got.Status, got.Deleted)
		}
	}
	w.api.SetFault(nil)
	if got := w.fetch(t, 24, app); got.Status != 200 {
		t.Errorf("status %d after it", got.Status)
	}
}

// TestRevokedTokensAreReplaced: --revoke ends every token, and nobody notices.
func TestRevokedTokensAreReplaced(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	w.fetch(t, 8, providerPath)
	for _, end := range []string{
		"UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND", "DELETE FROM access_tokens",
	} {
		w.db.DB.MustExec(end)
		if got := w.fetch(t, 8, providerPath); got.Status != 200 {
			t.Errorf("after %s: status %d %s", end, got.Status, got.Body)
		}
	}
}

// TestAHundredTenantsAtOnce make a hundred tokens, on the pool that the program has.
func TestAHundredTenantsAtOnce(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			id := int64(i%100) + 2
			if h, err := w.tokens.get(t.Context(), adminHost(id)); id%37 != 0 && (err != nil || h.tenantID != id) {
				t.Errorf("tenant %d: %v", id, err)
			}
		})
	}
	wg.Wait()
	if n := w.count(t); n != 98 { // two have no owner
		t.Errorf("%d tokens for 98 tenants", n)
	}
}

// TestMySQLIsAway: who has a token is served, at once; who has none is told to come again.
func TestMySQLIsAway(t *testing.T) {
	t.Parallel()
	w := newRealWorld(t)
	w.fetch(t, 8, providerPath)
	poison(w.toMySQL, "timeout", `"timeout":0`) // it says nothing and closes nothing
	w.tokens.entry(adminHost(8)).next.Store(0)  // a look is due
	began := time.Now()
	if got := w.fetch(t, 8, providerPath); got.Status != 200 || time.Since(began) > time.Second {
		t.Errorf("status %d after %s", got.Status, time.Since(began))
	}
	if got := w.fetch(t, 16, providerPath); got.Status != 503 || got.Header.Get("Retry-After") == "" || time.Since(began) > 4*time.Second {
		t.Errorf("status %d after %s", got.Status, time.Since(began))
	}
	if log := w.log.text(); strings.Contains(log, standin.Password) || !strings.Contains(log, "no_token") {
		t.Errorf("the log says %s", log)
	}
}
