package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/token-scheduler/token-scheduler/gateway"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// gatewayCredential is Zync's.
const gatewayCredential = "the-credential-of-zync"

// reverseProxy is Go's own proxy before a server, for comparison with the gateway. It is a
// process of its own, like the gateway.
func reverseProxy(ctx context.Context, addr, upstream string) error {
	target, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: addr, ReadHeaderTimeout: 5 * time.Second, Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: gateway.NewTransport(nil, nil),
	}}
	server.SetKeepAlivesEnabled(false)
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	_ = server.ListenAndServe() // until it is closed
	return nil
}

// rivals are the gateway of a daemon, Go's own proxy, and the Porta behind both.
type rivals struct {
	gateway, proxy, porta string
	takes                 atomic.Int64 // nanoseconds that Porta needs for an answer
	daemon                *exec.Cmd
	stop                  func()
}

// startRivals starts them for the tenants that a Zync knows.
func (b *bench) startRivals(ctx context.Context, z *zync.Zync) (*rivals, error) {
	r := &rivals{}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(time.Duration(r.takes.Load()))
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"proxy":{"service_id":5,"policies_config":"`+strings.Repeat("x", 2000)+`"}}`)
	}))
	r.porta = web.Listener.Addr().String()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	r.gateway, r.proxy = addresses[0], addresses[1]
	r.daemon = b.gatewayDaemon(ctx, z, r.gateway, web.URL)
	proxy := exec.CommandContext(ctx, self, "-proxy", r.proxy, "-upstream", web.URL)
	r.stop = func() {
		_ = terminate(r.daemon)
		_ = terminate(proxy)
		web.Close()
	}
	for _, cmd := range []*exec.Cmd{r.daemon, proxy} {
		if err := cmd.Start(); err != nil {
			return nil, err
		}
	}
	return r, serves(r.gateway, r.proxy)
}

func (b *bench) gatewayDaemon(ctx context.Context, z *zync.Zync, address, porta string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.binary)
	cmd.Env = append(b.env(z), "GATEWAY_LISTEN_ADDRESS="+address, "PORTA_ENDPOINT="+porta, "ZYNC_AUTHENTICATION_TOKEN="+gatewayCredential)
	return cmd
}

func terminate(cmd *exec.Cmd) error {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	return cmd.Wait()
}

func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		port, err := servers.FreePort()
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return addresses, nil
}

// serves waits until each address answers a tenant's request.
func serves(addresses ...string) (err error) {
	for _, address := range addresses {
		for range 200 {
			if err = fetch(address, 2); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch makes Zync's request for a tenant, on a connection of its own.
func fetch(address string, tenant int64) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	host := strings.Trim(strings.TrimPrefix(porta.Endpoint(tenant), "https://"), "/")
	_, err = io.WriteString(conn, "GET /admin/api/services/5/proxy.json HTTP/1.1\r\nHost: system-provider:3000\r\n"+
		"Accept: application/json\r\nContent-Type: application/json\r\nAuthorization: Basic OnN5bmM=\r\nX-Request-Id: 1\r\n"+
		"X-Zync-Token: "+gatewayCredential+"\r\nX-Forwarded-Host: "+host+"\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n")
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		err = fmt.Errorf("tenant %d: %.60q", tenant, answer)
	}
	return err
}

// fetchMany makes n requests, atATime at once. It returns the time of each, the shortest
// first, and how many failed.
func fetchMany(address string, n, atATime int, tenant func(i int) int64) (took []time.Duration, lost int) {
	took = make([]time.Duration, n)
	var failed atomic.Int64
	var asking sync.WaitGroup
	for worker := range atATime {
		asking.Go(func() {
			for i := worker; i < n; i += atATime {
				began := time.Now()
				if fetch(address, tenant(i)) != nil {
					failed.Add(1)
				}
				took[i] = time.Since(began)
			}
		})
	}
	asking.Wait()
	slices.Sort(took)
	return took, int(failed.Load())
}
