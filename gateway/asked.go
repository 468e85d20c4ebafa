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
	query     string // the allowed parameters, encoded again
	host      string // as received, without a port
	forwarded bool   // the host is X-Forwarded-Host
	accept    string
	id        string // X-Request-Id
	remote    string // who asks: address and port
}

// endpoint is one of the three paths.
type endpoint struct {
	path string
	// key is what the answer's JSON object must have.
	key string
	// mayBeGone is true if Porta's own 404 proves that the record is gone.
	mayBeGone bool
}

const (
	providerPath = "/admin/api/provider.json"
	findPath     = "/admin/api/applications/find.json"
	servicesPath = "/admin/api/services/"
	proxyPath    = "/proxy.json"
)

// knowsZync tells whether a request has Zync's credential. If the credential is empty,
// no request has it.
func knowsZync(r *http.Request, credential secret.Text) bool {
	given := r.Header["X-Zync-Token"]
	if credential.Empty() || len(given) != 1 {
		return false
	}
	want, got := sha256.Sum256([]byte(credential.Reveal())), sha256.Sum256([]byte(given[0]))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// parseTarget finds the endpoint and the query of a request URI. It compares the URI as
// it was sent, and decodes or cleans nothing: another spelling is another path.
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

// isID tells whether text is a number as Zync writes one: at most 19 digits, without a
// leading zero.
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

// parseQuery accepts the four parameters, each at most once, and encodes them again.
// Others are refused: access_token and provider_key could authenticate somebody else.
func parseQuery(raw string) (encoded string, ok bool) {
	if raw == "" {
		return "", true
	}
	values, err := url.ParseQuery(raw)
	if err != nil { // also for a semicolon, which some servers take for a separator
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
