package gateway

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// maxHost is the width of accounts.self_domain.
const maxHost = 255

// hostOf returns the host of a request, X-Forwarded-Host before Host, without a port.
// It is not ok if there is none, more than one, or one that is not a host name.
func hostOf(r *http.Request) (host string, forwarded, ok bool) {
	host = r.Host
	if given, is := r.Header["X-Forwarded-Host"]; is {
		if len(given) != 1 {
			return "", true, false
		}
		host, forwarded = given[0], true
	}
	host = withoutPort(host)
	return host, forwarded, isHost(host)
}

func withoutPort(host string) string {
	name, port, found := strings.Cut(host, ":")
	if !found || strings.Trim(port, "0123456789") != "" {
		return host // isHost refuses one with a colon
	}
	return name
}

// isHost tells whether text can be a host name. A list, a URL and an address in
// brackets can't.
func isHost(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return text != "" && len(text) <= maxHost
}

// template is the host of --tenant-endpoint: the text before and after {self_domain}.
type template struct{ before, behind string }

// placeholder stands for a tenant's self_domain in --tenant-endpoint.
const placeholder = "{self_domain}"

// parseTemplate reads --tenant-endpoint. The error says that tenants cannot be told
// apart by their hosts.
func parseTemplate(text string) (template, error) {
	if text == "" {
		return template{}, nil
	}
	const domain = "self-domain.invalid" // braces are no part of a URL's host
	u, err := url.Parse(strings.ReplaceAll(text, placeholder, domain))
	if err != nil {
		return template{}, errors.New("the tenant endpoint is not a URL")
	}
	parts := strings.Split(u.Hostname(), domain)
	if len(parts) != 2 {
		return template{}, errors.New("the host of the tenant endpoint must have {self_domain} in it once: " +
			"the gateway knows tenants by their hosts")
	}
	return template{before: parts[0], behind: parts[1]}, nil
}

// selfDomains maps the host of a tenant's endpoint back to its self_domain. The host
// itself is the second guess, or the only one if it does not fit the template: Zync may
// hold an endpoint from before.
func (t template) selfDomains(host string) []string {
	inner := len(host) - len(t.before) - len(t.behind)
	if inner <= 0 || inner == len(host) || !strings.EqualFold(host[:len(t.before)], t.before) ||
		!strings.EqualFold(host[len(host)-len(t.behind):], t.behind) {
		return []string{host}
	}
	return []string{host[len(t.before) : len(t.before)+inner], host}
}
