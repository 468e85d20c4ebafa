package tests

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// The paths that Zync asks for.
const (
	providerURI = "/admin/api/provider.json"
	serviceURI  = "/admin/api/services/5/proxy.json"
	findURI     = "/admin/api/applications/find.json?app_id=abc123&service_id=5"
)

// placeholder is what Zync holds in place of a token. It looks like no other text, so that
// it is found wherever it is written.
const placeholder = "a-token-in-zyncs-hand"

// answeredWithin is how long Zync waits for an answer at most.
const answeredWithin = 35 * time.Second

// gatewayWorld is a world whose Porta answers all that Zync asks for.
type gatewayWorld struct {
	*world
	api  *porta.API
	jobs atomic.Int64
}

func newGatewayWorld(t *testing.T, tenants int) *gatewayWorld {
	t.Helper()
	w := &gatewayWorld{world: newWorld(t, tenants)}
	w.api = porta.NewAPI(w.porta, credential)
	web := httptest.NewServer(w.api)
	t.Cleanup(web.Close)
	w.env["PORTA_ENDPOINT"] = web.URL
	w.env["GATEWAY_LISTEN_ADDRESS"] = "127.0.0.1:0"
	t.Cleanup(w.searchForTokens)
	return w
}

// searchForTokens looks in all output for what Zync sent and what Porta was asked with.
func (w *gatewayWorld) searchForTokens() {
	secrets := map[string]bool{placeholder: true, base64.StdEncoding.EncodeToString([]byte(":" + placeholder)): true}
	for _, r := range w.api.Asked() {
		if r.Token == placeholder || r.Token == "zync" {
			w.t.Error("what Zync holds has reached Porta")
			return
		}
		if r.Token != "" {
			secrets[r.Token], secrets[strings.TrimPrefix(porta.Digest(r.Token), "SHA384$")] = true, true
		}
	}
	for _, out := range w.output {
		text := out.String()
		for secret := range secrets {
			if strings.Contains(text, secret) {
				w.t.Errorf("a secret (%.8s…) was written in:\n%s", secret, text)
				return
			}
		}
	}
}

// gateway is where a daemon serves its gateway.
func (p *proc) gateway() string {
	p.t.Helper()
	_, address, _ := strings.Cut(p.logs(`msg="gateway listening"`), "address=")
	return strings.TrimSpace(address)
}

// fetch asks a gateway as Zync does, with a placeholder in its hand.
func (w *gatewayWorld) fetch(address, host, uri string) zync.Fetched {
	w.t.Helper()
	fetcher := &zync.Fetcher{Addr: address, Token: credential, TimeOut: answeredWithin}
	began := time.Now()
	got := fetcher.Do(w.t.Context(), zync.Fetch{
		Host: host, URI: uri, Token: placeholder, ID: fmt.Sprintf("job-%d", w.jobs.Add(1)),
	})
	if took := time.Since(began); took > answeredWithin {
		w.t.Errorf("%s of %s took %s", uri, host, took)
	}
	return got
}

// keepAsking asks for the tenants in turn, four at a time, until stop is called. Each
// request must succeed. asked counts them.
func (w *gatewayWorld) keepAsking(address string, hosts []string) (asked *atomic.Int64, stop func()) {
	asked = new(atomic.Int64)
	ended := make(chan struct{})
	var asking sync.WaitGroup
	for i := range 4 {
		asking.Go(func() {
			for n := i; ; n++ {
				select {
				case <-ended:
					return
				default:
				}
				w.gets(address, hosts[n%len(hosts)], serviceURI, http.StatusOK)
				asked.Add(1)
			}
		})
	}
	return asked, func() { close(ended); asking.Wait() }
}

// gets fetches and checks the status, and that Zync deletes only where it is told 404.
func (w *gatewayWorld) gets(address, host, uri string, status int) zync.Fetched {
	w.t.Helper()
	got := w.fetch(address, host, uri)
	if got.Status != status || got.Deleted != (status == http.StatusNotFound) {
		w.t.Errorf("%s of %s: status %d %.100s, deleted %t, %v; want %d", uri, host, got.Status, got.Body, got.Deleted, got.Err, status)
	}
	return got
}

// approved returns the hosts of approved tenants that have an owner.
func (w *gatewayWorld) approved() (hosts []string) {
	w.t.Helper()
	must(w.t, w.porta.DB.Select(&hosts, `
SELECT a.self_domain FROM accounts a
 WHERE a.provider = 1 AND a.state = 'approved' AND COALESCE(a.master, 0) = 0
   AND EXISTS (SELECT 1 FROM users u WHERE u.account_id = a.id AND u.role = 'admin') ORDER BY a.id`))
	if len(hosts) < 2 {
		w.t.Fatal("too few tenants")
	}
	return hosts
}

// raw sends a request as it is written, and returns the status.
func raw(t *testing.T, address, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(answeredWithin)))
	_, err = io.WriteString(conn, request)
	must(t, err)
	var status int
	_, err = fmt.Fscanf(conn, "HTTP/1.1 %d", &status)
	must(t, err)
	return status
}

// getText returns the body of a page.
func getText(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return string(body)
}

// secretFile is a file that a variable names.
type secretFile struct {
	t    *testing.T
	path string
}

func newSecretFile(t *testing.T, content string) secretFile {
	t.Helper()
	f := secretFile{t, filepath.Join(t.TempDir(), "secret")}
	f.write(content)
	return f
}

func (f secretFile) write(content string) {
	f.t.Helper()
	must(f.t, os.WriteFile(f.path, []byte(content+"\n"), 0o600))
}

// hold opens a connection and says nothing.
func hold(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// serveTLS serves a handler with a certificate of the authority.
func (a *authority) serveTLS(t *testing.T, handler http.Handler) (url string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue("127.0.0.1"))
	must(t, err)
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}
