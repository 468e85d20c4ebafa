package tests

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// TestGateway: what Zync gets from the real program, and what it does about it.
func TestGateway(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 40)
	hosts := w.approved()
	w.exec("UPDATE accounts SET self_domain = 'Upper-Admin.example.com' WHERE self_domain = ?", hosts[1])
	w.exec("UPDATE accounts SET self_domain = CONCAT(self_domain, ':8443') WHERE id = 3")
	d := w.start(nil)
	address := d.gateway()

	w.gets(address, hosts[0], providerURI, http.StatusOK)
	w.gets(address, hosts[0], serviceURI, http.StatusOK)
	w.gets(address, hosts[0], findURI, http.StatusOK)
	w.gets(address, strings.ToUpper(hosts[0]), providerURI, http.StatusOK) // a token more: it may be another tenant
	w.gets(address, "Upper-Admin.example.com", providerURI, http.StatusOK)
	w.gets(address, w.host(12), providerURI, http.StatusForbidden) // suspended
	w.gets(address, w.host(37), providerURI, http.StatusServiceUnavailable)
	w.gets(address, "t3-admin.example.com", providerURI, http.StatusForbidden) // a port in self_domain
	w.gets(address, "master-admin.example.com", providerURI, http.StatusForbidden)
	w.gets(address, hosts[0]+", "+hosts[2], providerURI, http.StatusBadRequest)
	w.gets(address, hosts[0], providerURI+"?access_token=x", http.StatusBadRequest)
	w.gets(address, hosts[0], "/admin/api/users.json", http.StatusForbidden)
	for token, want := range map[string]int{"": 401, "wrong": 401} {
		got := (&zync.Fetcher{Addr: address, Token: token}).Do(t.Context(), zync.Fetch{Host: hosts[0], URI: providerURI, Token: placeholder})
		if got.Status != want || got.Deleted {
			t.Errorf("credential %q: status %d, deleted %t", token, got.Status, got.Deleted)
		}
	}
	head := " HTTP/1.1\r\nX-Zync-Token: " + credential + "\r\nX-Forwarded-Host: " + hosts[0] + "\r\nHost: gateway\r\n\r\n"
	for request, want := range map[string]int{
		"POST " + providerURI: 405, "GET /admin/api//provider.json": 403, "GET /admin/%61pi/provider.json": 403,
		"GET http://porta" + providerURI: 403,
	} {
		if got := raw(t, address, request+head); got != want {
			t.Errorf("%s: status %d, want %d", request, got, want)
		}
	}

	// Two witnesses: neither Porta nor MySQL knows the host. And Porta's own "Not found".
	w.gets(address, "gone-admin.example.com", providerURI, http.StatusNotFound)
	w.api.Remove(hosts[0], findURI)
	w.gets(address, hosts[0], findURI, http.StatusNotFound)

	for _, asked := range w.api.Asked() {
		if asked.Header.Get("Content-Type") != "" || asked.Header.Get("X-Zync-Token") != credential ||
			asked.Header.Get("X-Forwarded-Proto") != "https" {
			t.Errorf("Porta was asked with %v", asked.Header)
		}
	}
	metrics := getText(t, d.address()+"/metrics")
	for _, want := range []string{
		`token_scheduler_gateway_requests_total{outcome="served"} 5`, `token_scheduler_gateway_requests_total{outcome="gone"} 2`,
		`token_scheduler_gateway_requests_total{outcome="unauthorized"} 2`, `token_scheduler_gateway_requests_total{outcome="no_token"} 1`,
		`token_scheduler_gateway_shielded_total 0`, `token_scheduler_gateway_tokens 4`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in the metrics", want)
		}
	}
	d.logs("Zync did not get what it asked", "reason=no_owner", "request_id=job-")
	d.stops()
}

// TestGatewayShields: answers that would make Zync delete something.
func TestGatewayShields(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	d := w.start(nil)
	address := d.gateway()
	w.gets(address, host, providerURI, http.StatusOK)
	for _, c := range []struct {
		fault porta.Fault
		want  int
	}{
		{porta.Fault{Status: 404, Type: "text/html", Body: porta.NotFoundPage}, 503},
		{porta.Fault{Status: 404, Type: "application/json", Body: porta.RailsNotFound}, 503},
		{porta.Fault{Status: 200, Type: "application/json"}, 502},
		{porta.Fault{Status: 200, Type: "text/html", Body: porta.NotFoundPage}, 502},
		{porta.Fault{Status: 200, Type: "application/json", Body: `{"proxy":`, CutShort: true}, 502},
		{porta.Fault{Status: 422, Type: "application/json", Body: `{"errors":{}}`}, 502},
		{porta.Fault{Status: 302}, 502},
		{porta.Fault{Status: 500}, 500},
		{porta.Fault{Status: 429}, 429},
		{porta.Fault{Cut: true}, 503},
		{porta.Fault{Hang: true}, 504}, // twenty-eight seconds
	} {
		w.api.SetFault(func(porta.Request) porta.Fault { return c.fault })
		w.gets(address, host, serviceURI, c.want)
	}
	w.api.SetFault(nil)
	w.gets(address, host, serviceURI, http.StatusOK)
	if metrics := getText(t, d.address()+"/metrics"); !strings.Contains(metrics, "token_scheduler_gateway_shielded_total 8\n") {
		t.Error("what was kept from Zync is not counted")
	}
	d.stops()
}

// TestGatewayTokens: tokens are minted on demand, end with --revoke, and are made anew.
func TestGatewayTokens(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	hosts := w.approved()
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	address := d.gateway()
	before := w.lastTokenID()
	for range 5 {
		w.gets(address, hosts[0], serviceURI, http.StatusOK)
		w.gets(address, hosts[1], serviceURI, http.StatusOK)
	}
	if minted := w.lastTokenID() - before; minted != 2 {
		t.Errorf("%d tokens for 2 tenants", minted)
	}
	if code, _ := w.once("--task=rotate", "--revoke"); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, host := range hosts {
		w.gets(address, host, serviceURI, http.StatusOK)
	}
	d.stops()
	// A restart costs a token for each tenant that asks.
	d = w.start(nil)
	before = w.lastTokenID()
	w.gets(d.gateway(), hosts[0], findURI, http.StatusOK)
	if minted := w.lastTokenID() - before; minted != 1 {
		t.Errorf("%d tokens after a restart", minted)
	}
	d.stops()
}

// TestRevokeWhileZyncAsks: a revocation comes to its end though the gateway mints, and
// nobody notices.
func TestRevokeWhileZyncAsks(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 60)
	hosts := w.approved()
	d := w.start(nil)
	d.logs("run ended", "outcome=success")
	address := d.gateway()
	_, stop := w.keepAsking(address, hosts)
	before := w.lastTokenID()
	w.watch()
	code, r := w.once("--task=rotate", "--revoke")
	stop()
	if code != 0 || r.Tasks[0].Delivered != len(w.seeded.Owners) {
		t.Errorf("exit code %d, %+v", code, r.Tasks)
	}
	t.Logf("%d tokens for %d tenants in %.0f s", w.lastTokenID()-before, len(w.seeded.Owners), r.Tasks[0].Duration)
	d.stops()
}

// TestGatewayBehindATemplate: Zync's host is mapped back through --tenant-endpoint, and
// the rotation tells Zync the same endpoint.
func TestGatewayBehindATemplate(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	w.exec("INSERT INTO accounts (id, org_name, provider, buyer, provider_account_id, domain, self_domain, state) VALUES (900, 'new', 1, 1, 1, 'n.example.com', 'n-admin.example.com', 'approved')")
	w.exec("INSERT INTO users (id, username, account_id, role, state, tenant_id) VALUES (9000, '3scaleadmin', 900, 'admin', 'active', 900)")
	template := map[string]string{"TENANT_ENDPOINT": "https://in-{self_domain}.cluster.example/"}
	d := w.start(template)
	w.gets(d.gateway(), "in-"+host+".cluster.example", providerURI, http.StatusOK)
	w.gets(d.gateway(), host, providerURI, http.StatusOK)
	d.logs("run ended", "outcome=success")
	if got := w.zync.Holds()[900].Endpoint; got != "https://in-n-admin.example.com.cluster.example/" {
		t.Errorf("Zync was told %q", got)
	}
	d.stops()
	p := w.start(map[string]string{"TENANT_ENDPOINT": "https://porta.example.com/"})
	if code := p.wait(); code != 2 || !strings.Contains(p.stderr.String(), "must have {self_domain} in it once") {
		t.Errorf("exit code %d of a gateway that can't tell tenants apart: %s", code, p.stderr)
	}
}

// TestGatewaysOfLeaderAndStandby: both serve and are seen, with what they did.
func TestGatewaysOfLeaderAndStandby(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	leader := w.start(nil)
	leader.logs("msg=leading")
	standby := w.start(nil)
	standby.logs("standing by")
	w.gets(leader.gateway(), host, providerURI, http.StatusOK)
	w.gets(standby.gateway(), host, providerURI, http.StatusOK)
	eventually(t, "two gateways with a request each", func() bool {
		seen := w.gateways()
		return len(seen) == 2 && !seen[0].LastRequest.IsZero() && !seen[1].LastRequest.IsZero() &&
			seen[0].Tokens == 1 && seen[1].Tokens == 1
	})
	p := w.start(nil, "--status")
	p.wait()
	for _, d := range []*proc{leader, standby} {
		if text := p.stdout.String(); !strings.Contains(text, " on "+d.gateway()+", up ") || !strings.Contains(text, "; 1 token; last request ") {
			t.Errorf("--status says\n%s", text)
		}
		if page := getText(t, d.address()); !strings.Contains(page, ">"+leader.gateway()+"</td>") || !strings.Contains(page, ">"+standby.gateway()+"</td>") {
			t.Error("the page does not show both gateways")
		}
	}
	p = w.start(nil, "--check")
	p.wait()
	for _, want := range []string{"gateways ", " on " + leader.gateway() + ", last request from Zync ", "tenant endpoint", "https://" + host + "/"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("no %q in --check:\n%s", want, p.stdout)
		}
	}
	leader.stops()
	if seen := w.gateways(); len(seen) != 1 || seen[0].Address != standby.gateway() {
		t.Errorf("after the leader's end: %+v", seen)
	}
	w.gets(standby.gateway(), host, providerURI, http.StatusOK)
	standby.stops()
}

// gateways are those that --status shows.
func (w *gatewayWorld) gateways() []ledger.Gateway {
	w.t.Helper()
	p := w.start(nil, "--status", "--report=json")
	p.wait()
	var shown struct{ Gateways []ledger.Gateway }
	must(w.t, json.Unmarshal([]byte(p.stdout.String()), &shown))
	return shown.Gateways
}

func TestGatewayThatCannotBind(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 2)
	d := w.start(nil)
	p := w.start(map[string]string{"GATEWAY_LISTEN_ADDRESS": d.gateway()})
	if code := p.wait(); code != 2 {
		t.Errorf("exit code %d", code)
	}
	p.logs("level=ERROR", "choose another --gateway-listen (GATEWAY_LISTEN_ADDRESS)", "address already in use")
	p = w.start(map[string]string{"PORTA_ENDPOINT": ""})
	if code := p.wait(); code != 2 || !strings.Contains(p.stderr.String(), "needs --porta-endpoint (PORTA_ENDPOINT)") {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
	d.stops()
}

// TestGatewayFinishesItsRequests: SIGTERM comes while Porta works.
func TestGatewayFinishesItsRequests(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	d := w.start(nil)
	address := d.gateway()
	d.logs("run ended", "outcome=success")
	arrived := make(chan struct{}, 1)
	w.api.SetFault(func(porta.Request) porta.Fault {
		select {
		case arrived <- struct{}{}:
		default:
		}
		return porta.Fault{Delay: 3 * time.Second}
	})
	answered := make(chan zync.Fetched, 1)
	go func() { answered <- w.fetch(address, host, providerURI) }()
	<-arrived
	d.signal(syscall.SIGTERM)
	eventually(t, "refusal of new requests", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	select {
	case got := <-answered:
		t.Errorf("answered before the others were refused: status %d, %v", got.Status, got.Err)
	default:
	}
	if got := <-answered; got.Status != 200 {
		t.Errorf("the request at work: status %d, %v", got.Status, got.Err)
	}
	if code := d.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestGatewayFollowsTheCredential: Zync's credential is read anew on SIGHUP.
func TestGatewayFollowsTheCredential(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	file := newSecretFile(t, "another-credential")
	d := w.start(map[string]string{"ZYNC_AUTHENTICATION_TOKEN": "", "ZYNC_AUTHENTICATION_TOKEN_FILE": file.path})
	address := d.gateway()
	w.gets(address, host, providerURI, http.StatusUnauthorized)
	file.write(credential)
	d.signal(syscall.SIGHUP)
	d.logs("reloaded secrets")
	w.gets(address, host, providerURI, http.StatusOK)
	d.stops()
}

// TestGatewayToPortaByTLS: PORTA_CA_FILE holds for the gateway, too.
func TestGatewayToPortaByTLS(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	ca := newAuthority(t)
	secure := ca.serveTLS(t, w.api)
	d := w.start(map[string]string{"PORTA_ENDPOINT": secure, "PORTA_CA_FILE": ca.file})
	w.gets(d.gateway(), host, providerURI, http.StatusOK)
	d.stops()
	d = w.start(map[string]string{"PORTA_ENDPOINT": secure})
	w.gets(d.gateway(), host, providerURI, http.StatusServiceUnavailable)
	d.stops()
}

// TestGatewayConnections: those who say nothing are bounded, and cost nobody an answer.
func TestGatewayConnections(t *testing.T) {
	t.Parallel()
	w := newGatewayWorld(t, 16)
	host := w.approved()[0]
	d := w.start(nil)
	address := d.gateway()
	first := hold(t, address)
	for range 400 {
		hold(t, address)
	}
	w.gets(address, host, providerURI, http.StatusOK)
	must(t, first.SetReadDeadline(time.Now().Add(time.Second)))
	if _, err := first.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("any number of connections is held")
	}
	d.stops()
}
