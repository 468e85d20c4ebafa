package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// TestJudge has every row of what the gateway makes of Porta's answer.
func TestJudge(t *testing.T) {
	t.Parallel()
	provider := endpoint{path: providerPath, key: "account"}
	proxy := endpoint{path: "/admin/api/services/5/proxy.json", key: "proxy", mayBeGone: true}
	find := endpoint{path: findPath, key: "application", mayBeGone: true}
	const html = "<!DOCTYPE html><title>Not Found</title>"
	type row struct {
		name     string
		endpoint endpoint
		unknown  bool // MySQL knows no tenant with the host
		status   int
		body     string
		broken   bool
		trouble  trouble
		token    tokenState

		want    int
		outcome outcome
		pass    bool
		shield  bool
		again   bool
	}
	rows := []row{
		{name: "provider", endpoint: provider, status: 200, body: accountJSON, want: 200, outcome: served, pass: true},
		{name: "proxy", endpoint: proxy, status: 200, body: `{"proxy":{"id":5}}`, want: 200, outcome: served, pass: true},
		{name: "application", endpoint: find, status: 200, body: ` {"a":[1,{"x":{}}],"application":{"id":[]}} ` + "\n", want: 200, outcome: served, pass: true},
		{name: "names that repeat deep inside", endpoint: provider, status: 200, body: `{"account":{"id":1,"id":2}}`, want: 200, outcome: served, pass: true},
		{name: "bytes that are no UTF-8", endpoint: provider, status: 200, body: "{\"account\":{\"name\":\"\xff\"}}", want: 200, outcome: served, pass: true},

		{name: "404 of Porta's own", endpoint: proxy, status: 404, body: notFound, want: 404, outcome: gone, pass: true},
		{name: "404 of Porta's own, application", endpoint: find, status: 404, body: notFound, want: 404, outcome: gone, pass: true},
		{name: "404 of Porta's own, provider", endpoint: provider, status: 404, body: notFound, want: 503, outcome: portaFailed, shield: true},
		{name: "404 of Rails", endpoint: proxy, status: 404, body: railsJSON, want: 503, outcome: portaFailed, shield: true},
		{name: "404 page", endpoint: find, status: 404, body: html, want: 503, outcome: portaFailed, shield: true},
		{name: "404 empty", endpoint: find, status: 404, want: 503, outcome: portaFailed, shield: true},
		{name: "404 broken off", endpoint: find, status: 404, body: notFound, broken: true, want: 503, outcome: portaFailed, shield: true},
		{name: "404 with more behind", endpoint: find, status: 404, body: notFound + "x", want: 503, outcome: portaFailed, shield: true},
		{name: "404 of another case", endpoint: find, status: 404, body: `{"status":"not found"}`, want: 503, outcome: portaFailed, shield: true},
		{name: "404 with two statuses", endpoint: find, status: 404, body: `{"status":"Not found","status":404}`, want: 503, outcome: portaFailed, shield: true},
		{name: "404 in a list", endpoint: find, status: 404, body: `[` + notFound + `]`, want: 503, outcome: portaFailed, shield: true},

		{name: "401", endpoint: proxy, status: 401, body: "denied", want: 401, outcome: refused, pass: true},
		{name: "401 alive", endpoint: proxy, status: 401, token: alive, want: 401, outcome: refused, pass: true},
		{name: "401 dead", endpoint: proxy, status: 401, token: dead, again: true},
		{name: "403 alive", endpoint: proxy, status: 403, token: alive, want: 403, outcome: refused, pass: true},
		{name: "403 dead", endpoint: proxy, status: 403, token: dead, again: true},
		{name: "403 MySQL away", endpoint: proxy, status: 403, want: 403, outcome: refused, pass: true},

		{name: "unreachable", endpoint: proxy, trouble: unreachable, want: 503, outcome: portaFailed},
		{name: "slow", endpoint: proxy, trouble: tooSlow, want: 504, outcome: portaFailed, shield: true},
		{name: "tooManyLarge", endpoint: proxy, trouble: tooManyLarge, want: 503, outcome: refused},

		{name: "unknown host", unknown: true, endpoint: proxy, status: 404, body: railsJSON, want: 404, outcome: gone, pass: true},
		{name: "unknown host, page", unknown: true, endpoint: provider, status: 404, body: html, want: 404, outcome: gone, pass: true},
		{name: "unknown host, unreachable", unknown: true, endpoint: proxy, trouble: unreachable, want: 503, outcome: portaFailed},
		{name: "unknown host, slow", unknown: true, endpoint: proxy, trouble: tooSlow, want: 504, outcome: portaFailed, shield: true},
	}
	for _, body := range []string{
		"", " ", "null", "{}", "[]", `"account"`, html, `{"account":{}}`, `{"account":null}`, `{"account":[1]}`, `{"account":"x"}`,
		`{"proxy":{"id":1}}`, `{"x":{"account":{"id":1}}}`, `{"account":{"id":1}`, `{"account":{"id":1}}}`, `{"account":{"id":1}}{}`,
		`{"account":{"id":1},"account":{}}`, `{"account":{"id":1},"account":{"id":1}}`, `{"account":{"id":1},}`, `{"Account":{"id":1}}`,
		`{"provider":{"id":1}}`, `{"account":{"id"}}`, "\xef\xbb\xbf" + accountJSON, `{"status":"Not found"}`,
	} {
		rows = append(rows, row{name: "200 " + body, endpoint: provider, status: 200, body: body, want: 502, outcome: portaFailed, shield: true})
	}
	rows = append(rows, row{name: "200 broken off", endpoint: provider, status: 200, body: accountJSON, broken: true, want: 502, outcome: portaFailed, shield: true})
	for _, status := range []int{101, 201, 202, 204, 206, 299, 301, 302, 304, 307, 400, 402, 405, 406, 407, 408, 409, 410, 411, 413, 415, 418, 422, 425, 451, 499, 600, 999} {
		for _, body := range []string{"", accountJSON} {
			rows = append(rows, row{name: http.StatusText(status), endpoint: provider, status: status, body: body, want: 502, outcome: portaFailed, shield: true})
		}
	}
	for _, status := range []int{429, 500, 501, 502, 503, 504, 520, 599} {
		rows = append(rows, row{name: http.StatusText(status), endpoint: provider, status: status, body: html, want: status, outcome: portaFailed, pass: true})
	}
	for _, status := range []int{200, 201, 302, 400, 401, 403, 410, 422, 429, 500, 503} {
		rows = append(rows, row{name: "unknown host", unknown: true, endpoint: provider, status: status, body: accountJSON, want: 403, outcome: refused})
	}
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			got := judge(facts{endpoint: c.endpoint, tenant: !c.unknown, token: c.token},
				answer{trouble: c.trouble, status: c.status, body: []byte(c.body), whole: !c.broken})
			if got.status != c.want || got.outcome != c.outcome || got.pass != c.pass || got.shield != c.shield || got.again != c.again {
				t.Errorf("%d %.60s: got %d %s, pass %t, shield %t, again %t; want %d %s, %t, %t, %t", c.status, c.body,
					got.status, got.outcome, got.pass, got.shield, got.again, c.want, c.outcome, c.pass, c.shield, c.again)
			}
		})
	}
}

// Nothing that the gateway says by itself makes Zync delete.
func TestOwnAnswersDeleteNothing(t *testing.T) {
	t.Parallel()
	for _, why := range reasons() {
		r := why.ruling()
		if r.status == 404 || r.status == 422 || r.status < 400 || strings.ContainsAny(r.text, `"\`) || r.text == "" {
			t.Errorf("%s: %d %q", why, r.status, r.text)
		}
	}
}
