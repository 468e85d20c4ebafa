package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"

	"github.com/token-scheduler/token-scheduler/secret"
)

// asked is what Zync asks for.
type asked struct {
	endpoint  endpoint
	query     string // encoded anew from the parameters that are allowed
	host      string // as it came, its port dropped
	forwarded bool   // the host is X-Forwarded-Host
	accept    string
	id        string // X-Request-Id
}

// endpoint is one of the three paths.
type endpoint struct {
	path string
	// key is what the answer's JSON object must have.
	key string
	// mayBeGone is set where Porta's own 404 says that what Zync asks for is gone.
	mayBeGone bool
}

const (
	providerPath = "/admin/api/provider.json"
	findPath     = "/admin/api/applications/find.json"
	servicesPath = "/admin/api/services/"
	proxyPath    = "/proxy.json"
)

// knowsZync tells whether a request carries Zync's credential. An empty credential
// lets nobody in.
func knowsZync(r *http.Request, credential secret.Text) bool {
	given := r.Header["X-Zync-Token"]
	if credential.Empty() || len(given) != 1 {
		return false
	}
	want, got := sha256.Sum256([]byte(credential.Reveal())), sha256.Sum256([]byte(given[0]))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// parseTarget finds the endpoint of a request URI as it was sent, and its query. Every
// other spelling of the same path is another path: nothing is decoded or cleaned.
func parseTarget(uri string) (e endpoint, query string, ok bool) {
	path, query, _ := strings.Cut(uri, "?")
	switch path {
	case providerPath:
		return endpoint{path: path, key: "account"}, query, true
	case findPath:
		return endpoint{path: path, key: "application", mayBeGone: true}, query, true
	}
	id, isService := strings.CutPrefix(path, servicesPath)
	id, isProxy := strings.CutSuffix(id, proxyPath)
	if !isService || !isProxy || !isID(id) {
		return endpoint{}, "", false
	}
	return endpoint{path: path, key: "proxy", mayBeGone: true}, query, true
}

// isID tells whether text is a number as Zync writes one: at most 19 digits, the first
// of them no zero.
func isID(text string) bool {
	if text == "" || len(text) > 19 || text[0] == '0' {
		return false
	}
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// parseQuery lets the four parameters through, each at most once, and encodes them
// anew. Others could speak in another's name: access_token, provider_key.
func parseQuery(raw string) (encoded string, ok bool) {
	if raw == "" {
		return "", true
	}
	values, err := url.ParseQuery(raw)
	if err != nil { // a semicolon, too, which some servers take for a separator
		return "", false
	}
	for name, given := range values {
		switch name {
		case "application_id", "app_id", "user_key", "service_id":
		default:
			return "", false
		}
		if len(given) != 1 {
			return "", false
		}
	}
	return values.Encode(), true
}
