package zync

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// DefaultEndpoint is the template of a tenant's endpoint that Porta uses unless
// it is configured otherwise.
const DefaultEndpoint = "https://" + selfDomain + "/"

const (
	// selfDomain stands in a template for the tenant's accounts.self_domain.
	selfDomain = "{self_domain}"
	// maxEndpoint is the longest endpoint, in characters, that Zync's column holds.
	maxEndpoint = 255
)

// Endpoint is the template of the tenants' endpoints: the base URL at which Zync
// reads a tenant's data from Porta. The zero Endpoint is [DefaultEndpoint].
//
// Porta builds endpoints the same way. Its root_url replaces every tenant's
// endpoint; then the template has no {self_domain} in it.
type Endpoint struct{ template string }

// ParseEndpoint reads a template such as "https://{self_domain}/".
func ParseEndpoint(template string) (Endpoint, error) {
	u, err := url.Parse(strings.ReplaceAll(template, selfDomain, "host.example"))
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return Endpoint{}, errors.New("want http://… or https://…, with {self_domain} for the tenant's host")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return Endpoint{}, errors.New("an endpoint has no user, query or fragment")
	case strings.Count(template, selfDomain) > 1:
		return Endpoint{}, errors.New("{self_domain} may stand in it once")
	}
	return Endpoint{template: template}, nil
}

// String returns the template.
func (e Endpoint) String() string { return cmp.Or(e.template, DefaultEndpoint) }

// hostPattern is what a host may look like: names of letters, digits, hyphens
// and underscores with dots between them, and a port behind.
var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*(:[0-9]{1,5})?$`)

// Of returns the endpoint of the tenant with a host. The error says why there is
// none; then nothing may be pushed that names an endpoint: Zync would read a 404
// there as "this application is gone" and delete the tenant's client.
func (e Endpoint) Of(host string) (string, error) {
	template := e.String()
	if !strings.Contains(template, selfDomain) {
		return template, nil
	}
	if host == "" {
		return "", errors.New("accounts.self_domain is empty")
	}
	if len(host) > maxEndpoint || !hostPattern.MatchString(host) {
		return "", fmt.Errorf("accounts.self_domain %.100q is not a host", host)
	}
	endpoint := strings.Replace(template, selfDomain, host, 1)
	if len(endpoint) > maxEndpoint {
		return "", fmt.Errorf("the tenant's endpoint is longer than %d characters", maxEndpoint)
	}
	return endpoint, nil
}
