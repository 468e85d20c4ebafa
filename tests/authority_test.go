package tests

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// authority is a certificate authority of a test's own.
type authority struct {
	*servers.Authority
	file string // its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := servers.NewAuthority(t)
	return &authority{a, a.File}
}

// issue makes a certificate for hosts or addresses, for servers and clients, and
// returns the files of it and of its key.
func (a *authority) issue(hosts ...string) (certFile, keyFile string) { return a.Issue(hosts...) }

// client trusts the authority.
func (a *authority) client() *http.Client {
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.Pool()}, DisableKeepAlives: true},
	}
}
