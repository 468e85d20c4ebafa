package tests

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// toxic is a proxy before a server. It can do what networks do to connections.
type toxic struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// newToxic starts a proxy before an address.
func newToxic(t *testing.T, upstream string) *toxic {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, upstream, "127.0.0.1:0", upstream)
	must(t, proxy.Start())
	t.Cleanup(proxy.Stop)
	return &toxic{t, proxy}
}

// add makes the proxy disturb what the server (downstream) or the scheduler (upstream)
// sends.
func (x *toxic) add(kind, stream, attributes string) {
	x.t.Helper()
	_, err := x.proxy.Toxics.AddToxicJson(strings.NewReader(
		fmt.Sprintf(`{"name":"%s-%s","type":"%s","stream":"%s","attributes":{%s}}`, kind, stream, kind, stream, attributes)))
	must(x.t, err)
}

// cut closes every connection and accepts none.
func (x *toxic) cut() { x.proxy.Stop() }

// slow delays every answer.
func (x *toxic) slow() { x.add("latency", "downstream", `"latency":300,"jitter":200`) }

// halfOpen drops everything in both directions, and closes nothing.
func (x *toxic) halfOpen() {
	x.add("timeout", "downstream", `"timeout":0`)
	x.add("timeout", "upstream", `"timeout":0`)
}

// reset breaks off answers in the middle.
func (x *toxic) reset() {
	x.add("limit_data", "downstream", `"bytes":150`)
}

// heal ends all faults.
func (x *toxic) heal() {
	x.t.Helper()
	x.proxy.Toxics.ResetToxics(context.Background())
	if !x.proxy.Enabled {
		must(x.t, x.proxy.Start())
	}
}

// poison puts a proxy before MySQL, Redis and Zync.
func (w *world) poison() map[string]*toxic {
	w.t.Helper()
	redis, err := url.Parse(w.env["REDIS_URL"])
	must(w.t, err)
	all := map[string]*toxic{
		"mysql": newToxic(w.t, w.porta.Addr), "redis": newToxic(w.t, redis.Host),
		"zync": newToxic(w.t, strings.TrimPrefix(w.zync.URL, "http://")),
	}
	redis.Host = all["redis"].proxy.Listen
	w.env["DATABASE_URL"] = w.porta.URLAt(all["mysql"].proxy.Listen)
	w.env["REDIS_URL"] = redis.String()
	w.env["ZYNC_ENDPOINT"] = "http://" + all["zync"].proxy.Listen
	return all
}
