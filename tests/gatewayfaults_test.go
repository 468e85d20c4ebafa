package tests

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// poisonGateway puts proxies before MySQL, Redis, Zync and Porta.
func (w *gatewayWorld) poisonGateway() map[string]*toxic {
	w.t.Helper()
	all := w.poison()
	all["porta"] = newToxic(w.t, strings.TrimPrefix(w.env["PORTA_ENDPOINT"], "http://"))
	w.env["PORTA_ENDPOINT"] = "http://" + all["porta"].proxy.Listen
	return all
}

// TestGatewayWithoutMySQL: tenants whose token is in hand are served, others are told to
// try again.
func TestGatewayWithoutMySQL(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 24)
	hosts := w.approved()
	mysql := w.poisonGateway()["mysql"]
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	address := d.gateway()
	w.gets(address, hosts[0], serviceURI, http.StatusOK)
	for name, trouble := range map[string]func(){"refuses": mysql.cut, "hangs": mysql.halfOpen} {
		trouble()
		t.Log("MySQL " + name)
		for range 3 {
			w.gets(address, hosts[0], findURI, http.StatusOK)
		}
		got := w.gets(address, hosts[1], findURI, http.StatusServiceUnavailable)
		if got.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.gets(address, "gone-admin.example.com", providerURI, http.StatusServiceUnavailable)
		mysql.heal()
	}
	eventually(t, "service after MySQL is back", func() bool {
		return w.fetch(address, hosts[1], findURI).Status == http.StatusOK
	})
	d.stops()
}

// TestGatewayWithoutRedis: it needs none, also at its start.
func TestGatewayWithoutRedis(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	hosts := w.approved()
	redis := w.poisonGateway()["redis"]
	redis.cut()
	d := w.start(nil)
	w.gets(d.gateway(), hosts[0], serviceURI, http.StatusOK)
	redis.heal()
	eventually(t, "gateway in the status", func() bool { return len(w.gateways()) == 1 })
	redis.halfOpen()
	for _, host := range hosts {
		w.gets(d.gateway(), host, serviceURI, http.StatusOK)
	}
	redis.heal()
	d.stops()
}

// TestGatewayStartsWithoutAnything: it answers, and serves when MySQL comes.
func TestGatewayStartsWithoutAnything(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	all := w.poisonGateway()
	all["mysql"].cut()
	all["redis"].cut()
	d := w.start(nil)
	w.gets(d.gateway(), host, serviceURI, http.StatusServiceUnavailable)
	all["mysql"].heal()
	eventually(t, "service", func() bool { return w.fetch(d.gateway(), host, serviceURI).Status == http.StatusOK })
	d.stops()
}

// balance starts a balancer before backends.
func balance(t *testing.T, backends ...string) (address string) {
	t.Helper()
	b, err := servers.StartBalancer(backends...)
	must(t, err)
	t.Cleanup(b.Close)
	return b.Addr
}

// TestRollingRestartLosesNothing: two daemons behind a balancer are restarted in turn while
// Zync asks.
func TestRollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 40)
	hosts := w.approved()
	addresses := []string{freeAddress(t), freeAddress(t)}
	start := func(i int) *proc {
		env := maps.Clone(w.env)
		env["GATEWAY_LISTEN_ADDRESS"] = addresses[i]
		d := w.start(env)
		d.gateway()
		return d
	}
	daemons := []*proc{start(0), start(1)}
	front := balance(t, addresses...)
	asked, stop := w.keepAsking(front, hosts)
	for range 2 {
		for i := range daemons {
			before := asked.Load()
			daemons[i].stops()
			daemons[i] = start(i)
			eventually(t, "further requests", func() bool { return asked.Load() > before+20 })
		}
	}
	stop()
	t.Logf("%d requests through 4 restarts", asked.Load())
	for _, d := range daemons {
		d.stops()
	}
}
