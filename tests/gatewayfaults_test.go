package tests

import (
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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

// balancer hands each connection to one of the backends, and to the next one where it
// is refused, as a Service of Kubernetes or a balancer of connections does.
type balancer struct {
	net.Listener
	backends []string
	next     atomic.Int64
	open     sync.WaitGroup
}

func newBalancer(t *testing.T, backends ...string) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &balancer{Listener: listener, backends: backends}
	b.open.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			b.open.Go(func() { b.carry(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		b.open.Wait()
	})
	return b
}

func (b *balancer) carry(client net.Conn) {
	defer func() { _ = client.Close() }()
	first := int(b.next.Add(1))
	for i := range b.backends {
		server, err := net.Dial("tcp", b.backends[(first+i)%len(b.backends)])
		if err != nil {
			continue
		}
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(client, server)
		_ = server.Close()
		return
	}
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
	front := newBalancer(t, addresses...).Addr().String()
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var asked atomic.Int64
	for i := range 4 {
		asking.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				w.gets(front, hosts[n%len(hosts)], serviceURI, http.StatusOK)
				asked.Add(1)
			}
		})
	}
	for range 2 {
		for i := range daemons {
			before := asked.Load()
			daemons[i].stops()
			daemons[i] = start(i)
			eventually(t, "further requests", func() bool { return asked.Load() > before+20 })
		}
	}
	close(stop)
	asking.Wait()
	t.Logf("%d requests through 4 restarts", asked.Load())
	for _, d := range daemons {
		d.stops()
	}
}
