package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	standin "github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// TestChaos: MySQL, Porta and the networks between them fail in every way while Zync
// asks and tokens are revoked. Nothing is deleted, no placeholder and no other tenant's
// token reaches Porta, and every request is answered in time. In the end all is served.
func TestChaos(t *testing.T) {
	t.Parallel()
	const lasts = 12 * time.Second
	w := newRealWorld(t)
	w.db.DB.MustExec("UPDATE accounts SET state = 'approved'")
	ctx, stop := context.WithTimeout(t.Context(), lasts)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { makeTrouble(ctx, w) })
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				got := w.zync.Do(t.Context(), anyJob())
				if got.Deleted || got.Err != nil {
					t.Errorf("status %d %.80s, deleted %t, %v", got.Status, got.Body, got.Deleted, got.Err)
				}
				mu.Lock()
				statuses[got.Status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	heal(w.toMySQL)
	heal(w.toPorta)
	w.api.SetFault(nil)
	t.Logf("answers by status: %v", statuses)
	for id := int64(2); id < 38; id++ {
		got := w.zync.Do(t.Context(), zync.Fetch{Host: adminHost(id), URI: providerPath, Token: zyncHolds})
		if want := map[bool]int{true: 503, false: 200}[id == 37]; got.Status != want {
			t.Errorf("tenant %d after it: status %d %s", id, got.Status, got.Body)
		}
	}
	owners := w.owners(t)
	for _, asked := range w.api.Asked() {
		if asked.Token == zyncHolds || (asked.Token != "" && owners[standin.Digest(asked.Token)] != asked.Host) {
			t.Errorf("%s was asked for with another's token", asked.Host)
		}
	}
	if log := w.log.text(); strings.Contains(log, credential) || strings.Contains(log, "SHA384") {
		t.Error("a secret is in the log")
	}
}

// owners returns the host that each token was minted for.
func (w *realWorld) owners(t *testing.T) map[string]string {
	t.Helper()
	var rows []struct {
		Value string `db:"value"`
		Host  string `db:"self_domain"`
	}
	if err := w.db.DB.Select(&rows, `SELECT t.value, a.self_domain FROM access_tokens t
 JOIN users u ON u.id = t.owner_id JOIN accounts a ON a.id = u.account_id`); err != nil {
		t.Fatal(err)
	}
	owners := map[string]string{}
	for _, row := range rows {
		owners[row.Value] = row.Host
	}
	return owners
}

func anyJob() zync.Fetch {
	uris := []string{providerPath, "/admin/api/services/5/proxy.json", findPath + "?app_id=abc123&service_id=5", findPath + "?application_id=11"}
	return zync.Fetch{Host: adminHost(rand.Int64N(36) + 2), URI: uris[rand.IntN(len(uris))], Token: zyncHolds, ID: fmt.Sprint(rand.Uint32())}
}

// makeTrouble does something else to the world again and again.
func makeTrouble(ctx context.Context, w *realWorld) {
	faults := []standin.Fault{
		{Status: 404, Type: "text/html", Body: standin.NotFoundPage}, {Status: 404, Body: standin.RailsNotFound}, {Status: 200}, {Status: 422},
		{Status: 500}, {Status: 401}, {Status: 403, Body: "{}"}, {Cut: true}, {Status: 200, Body: "{", CutShort: true}, {Delay: 100 * time.Millisecond},
	}
	for ctx.Err() == nil {
		proxy := w.toMySQL
		if rand.IntN(2) == 0 {
			proxy = w.toPorta
		}
		switch rand.IntN(6) {
		case 0:
			proxy.Stop()
		case 1:
			poison(proxy, "latency", `"latency":300,"jitter":200`)
		case 2:
			poison(proxy, "timeout", `"timeout":200`)
		case 3:
			poison(proxy, "limit_data", `"bytes":150`)
		case 4:
			_, _ = w.db.DB.Exec("UPDATE access_tokens SET expires_at = UTC_TIMESTAMP() - INTERVAL 1 SECOND")
		case 5:
			w.api.SetFault(func(standin.Request) standin.Fault { return faults[rand.IntN(len(faults))] })
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
		heal(proxy)
		w.api.SetFault(nil)
	}
}

// newToxic starts a proxy before an address, which does to connections what networks do.
func newToxic(t *testing.T, upstream string) *toxiproxy.Proxy {
	t.Helper()
	proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), upstream, "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Stop)
	return proxy
}

func poison(proxy *toxiproxy.Proxy, kind, attributes string) {
	_, _ = proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":%q,"stream":"downstream","attributes":{%s}}`, kind, attributes)))
}

func heal(proxy *toxiproxy.Proxy) {
	proxy.Toxics.ResetToxics(context.Background())
	if !proxy.Enabled {
		_ = proxy.Start()
	}
}
