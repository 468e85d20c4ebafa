package gateway

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/token-scheduler/token-scheduler/secret"
)

// TestWhoIsLetIn has every row of what the gateway answers by itself, and what it does
// let through.
func TestWhoIsLetIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	w.tenants.set(func(f *tenantsFake) {
		master, ownerless, port := account(7), account(8), account(9)
		master.Master, ownerless.OwnerID.Valid, port.Host.String = true, false, "port.example.com:3000"
		f.accounts["master.example.com"], f.accounts["ownerless.example.com"], f.accounts["port.example.com"] = master, ownerless, port
	})
	const proxy = "/admin/api/services/5/proxy.json"
	type row struct {
		name   string
		change func(r *http.Request)
		want   int
	}
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	rows := []row{
		{"as Zync asks", func(*http.Request) {}, 200},
		{"no credential", func(r *http.Request) { r.Header.Del("X-Zync-Token") }, 401},
		{"empty credential", set("X-Zync-Token", ""), 401},
		{"wrong credential", set("X-Zync-Token", credential+"x"), 401},
		{"a part of the credential", set("X-Zync-Token", credential[:5]), 401},
		{"two credentials", set("X-Zync-Token", credential, credential), 401},
		{"wrong credential, wrong all", func(r *http.Request) {
			r.Header.Del("X-Zync-Token")
			r.Method, r.RequestURI = "POST", "/x?access_token=1"
		}, 401},
		{"wrong path and method", func(r *http.Request) { r.Method, r.RequestURI = "POST", "/x" }, 403},
		{"wrong method and query", func(r *http.Request) { r.Method, r.RequestURI = "POST", proxy+"?x=1" }, 405},
		{"wrong query and host", func(r *http.Request) { r.RequestURI, r.Header["X-Forwarded-Host"] = proxy+"?x=1", []string{"a", "b"} }, 400},
		{"two hosts", set("X-Forwarded-Host", hostOne, hostOne), 400},
		{"a list of hosts", set("X-Forwarded-Host", hostOne+", t2.example.com"), 400},
		{"an empty host", set("X-Forwarded-Host", ""), 400},
		{"a URL", set("X-Forwarded-Host", "https://"+hostOne), 400},
		{"a host with a user", set("X-Forwarded-Host", "x@"+hostOne), 400},
		{"a host too long", set("X-Forwarded-Host", strings.Repeat("a", 256)), 400},
		{"a port that is none", set("X-Forwarded-Host", hostOne+":http"), 400},
		{"an address", set("X-Forwarded-Host", "[::1]"), 400},
		{"a host with a port", set("X-Forwarded-Host", hostOne+":443"), 200},
		{"capitals", set("X-Forwarded-Host", "T1.Example.com"), 200},
		{"no forwarded host, a tenant's own", func(r *http.Request) { r.Header.Del("X-Forwarded-Host"); r.Host = hostOne + ":80" }, 200},
		{"no forwarded host, nobody's", func(r *http.Request) { r.Header.Del("X-Forwarded-Host") }, 400},
		{"no host at all", func(r *http.Request) { r.Header.Del("X-Forwarded-Host"); r.Host = "" }, 400},
		{"master", set("X-Forwarded-Host", "master.example.com"), 403},
		{"no owner", set("X-Forwarded-Host", "ownerless.example.com"), 503},
		{"a self_domain with a port", set("X-Forwarded-Host", "port.example.com"), 403},
	}
	for _, method := range []string{"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "TRACE", "PROPFIND"} {
		rows = append(rows, row{method, func(r *http.Request) { r.Method = method }, 405})
	}
	for _, uri := range []string{
		"/", "", "*", "//admin/api/provider.json", "/admin//api/provider.json", "/admin/api/./provider.json", "/admin/api/x/../provider.json",
		"/admin/api/provider%2ejson", "/admin%2fapi/provider.json", "/ADMIN/api/provider.json", "/admin/api/provider.xml", "/admin/api/provider",
		"/admin/api/provider.json/", "/admin/api/provider.json%3f", "http://porta/admin/api/provider.json", "/admin/api/provider.json#x",
		"/admin/api/services//proxy.json", "/admin/api/services/0/proxy.json", "/admin/api/services/-1/proxy.json", "/admin/api/services/5a/proxy.json",
		"/admin/api/services/5/6/proxy.json", "/admin/api/services/05/proxy.json", "/admin/api/services/12345678901234567890/proxy.json",
		"/admin/api/services/٥/proxy.json", "/admin/api/services/5/proxy.json;x", "/admin/api/services/proxy.json", "/admin/api/accounts.json",
		"/admin/api/applications/find.JSON",
	} {
		rows = append(rows, row{"path " + uri, func(r *http.Request) { r.RequestURI = uri }, 403})
	}
	for query, want := range map[string]int{
		"": 200, "?": 200, "?application_id=11": 200, "?app_id=abc123&service_id=5": 200, "?user_key=k%26access_token%3d1": 200, "?app_id=": 200,
		"?access_token=x": 400, "?provider_key=x": 400, "?app_id=1&access_token=x": 400, "?app_id=1&app_id=2": 400, "?app_id[]=1": 400,
		"?app_id%5B%5D=1": 400, "?app_id[x]=1": 400, "?app_id=1;access_token=x": 400, "?app_id=%zz": 400, "?App_id=1": 400, "?=1": 400,
		"?app_id=1&%61ccess_token=x": 400, "?access_token": 400, "? app_id=1": 400, "?app_id=1?": 200,
	} {
		rows = append(rows, row{"query " + query, func(r *http.Request) { r.RequestURI = findPath + query }, want})
	}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			before := w.porta.times()
			r := zyncAsks(hostOne, proxy)
			c.change(r)
			got := w.do(r)
			if got.Code != c.want {
				t.Errorf("status %d %s, want %d", got.Code, got.Body, c.want)
			}
			if asked := w.porta.times() - before; (asked == 1) != (c.want == 200) {
				t.Errorf("Porta was asked %d times", asked)
			}
			if c.want != 200 {
				mustBeOwn(t, got)
			}
			if c.want == 405 && got.Header().Get("Allow") != "GET" {
				t.Error("no Allow")
			}
		})
	}
}

func mustBeOwn(t *testing.T, got *httptest.ResponseRecorder) {
	t.Helper()
	if got.Header().Get("Content-Type") != "application/json" || !strings.HasPrefix(got.Body.String(), `{"error":"`) {
		t.Errorf("the answer is %q, %s", got.Header().Get("Content-Type"), got.Body)
	}
}

func TestAnEmptyCredentialLetsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	w.zync.Store("") // a reload
	w.mustAnswer(t, hostOne, 401)
	r := zyncAsks(hostOne, providerPath)
	r.Header.Set("X-Zync-Token", "")
	if got := w.do(r); got.Code != 401 {
		t.Errorf("status %d", got.Code)
	}
	w.zync.Store("another")
	r.Header.Set("X-Zync-Token", "another")
	if got := w.do(r); got.Code != 200 || w.porta.last().Header.Get("X-Zync-Token") != "another" {
		t.Errorf("status %d", got.Code)
	}
}

// TestWhatGoesToPorta: method, path, the four parameters, six headers and the live token.
func TestWhatGoesToPorta(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := zyncAsks("T1.EXAMPLE.com:443", findPath+"?service_id=5&app_id=a%20b")
	for _, name := range []string{"Cookie", "X-Forwarded-For", "X-Http-Method-Override", "Forwarded", "User-Agent", "Transfer-Encoding"} {
		r.Header.Set(name, "from-outside")
	}
	w.porta.answersBy(func(*http.Request) (*http.Response, error) {
		res := response(200, `{"application":{"id":1}}`)
		res.Header = http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"request-1"}, "Set-Cookie": {"x=y"}, "X-Powered-By": {"x"}, "Retry-After": {"3"}}
		return res, nil
	})
	got := w.do(r)
	asked := w.porta.last()
	if got.Code != 200 || asked.Method != http.MethodGet || asked.URL.String() != "http://porta.invalid"+findPath+"?app_id=a+b&service_id=5" || asked.Body != nil {
		t.Fatalf("status %d, asked %s %s", got.Code, asked.Method, asked.URL)
	}
	_, token, _ := asked.BasicAuth()
	if token == zyncHolds || len(token) != 96 {
		t.Errorf("the token has %d characters", len(token))
	}
	want := map[string]string{
		"Accept": "application/json", "X-Request-Id": "request-1", "X-Zync-Token": credential,
		"X-Forwarded-Host": hostOne, "X-Forwarded-Proto": "https",
	}
	for name, values := range asked.Header {
		if name != "Authorization" && len(values) > 0 && (len(values) != 1 || values[0] != want[name]) {
			t.Errorf("%s: %q went to Porta", name, values)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("Porta did not get %v", want)
	}
	for name := range got.Header() {
		switch name {
		case "Content-Type", "X-Request-Id", "Retry-After", "Content-Length":
		default:
			t.Errorf("%s came back", name)
		}
	}
}

func TestTenantEndpoint(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ template, host, want string }{
		{"", "A.example.com", "A.example.com"},
		{"https://{self_domain}/", "a.example.com", "a.example.com"},
		{"https://{self_domain}:8443/x", "a.example.com", "a.example.com"},
		{"https://{self_domain}.preview.example.org/", "a.example.com.preview.example.org", "a.example.com"},
		{"https://{self_domain}.preview.example.org/", "A.example.com.Preview.example.org", "A.example.com"},
		{"https://x-{self_domain}", "X-a.example.com", "a.example.com"},
		{"https://x-{self_domain}", "a.example.com", "a.example.com"}, // an endpoint from before
		{"https://x-{self_domain}", "x-", "x-"},
	} {
		parsed, err := parseTemplate(c.template)
		if err != nil {
			t.Fatal(err)
		}
		got := parsed.selfDomains(c.host)
		if got[0] != c.want || got[len(got)-1] != c.host {
			t.Errorf("%s: %s is %s, want %s", c.template, c.host, got, c.want)
		}
	}
	for _, template := range []string{"https://porta.example.com/", "https://porta/{self_domain}", "https://{self_domain}.{self_domain}/", "%"} {
		if _, err := parseTemplate(template); err == nil {
			t.Errorf("%s was taken", template)
		}
	}
}

func TestOptionsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"no Porta":      func(o *Options) { o.Porta = "" },
		"no URL":        func(o *Options) { o.Porta = "porta:3000" },
		"a query":       func(o *Options) { o.Porta = "http://porta/?" },
		"a fragment":    func(o *Options) { o.Porta = "http://porta/#x" },
		"root_url":      func(o *Options) { o.TenantEndpoint = "https://porta.example.com/" },
		"no tenants":    func(o *Options) { o.Tenants = nil },
		"no credential": func(o *Options) { o.Zync = nil },
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{
				Porta: "http://porta", Zync: func() secret.Text { return secret.New("x") }, Tenants: newTenantsFake(0), TTL: time.Hour,
				Registry: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
			}
			change(&o)
			if g, err := New(o); err == nil {
				g.Close()
				t.Error("it was taken")
			}
		})
	}
}
