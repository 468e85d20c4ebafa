package tests

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestMySQLOverTLS tries each mode with a server whose certificate is from a private
// authority and names only localhost.
func TestMySQLOverTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	cert, key := ca.issue("localhost")
	mine, mineKey := ca.issue("scheduler")
	theirs, theirsKey := stranger.issue("scheduler")
	server := servers.PrivateMariaDB(t, "--ssl-ca="+ca.file, "--ssl-cert="+cert, "--ssl-key="+key)
	p, err := porta.Create(t.Context(), server.Config())
	must(t, err)
	t.Cleanup(func() { _ = p.DB.Close() })
	w := newWorldOn(t, p, servers.RedisURL(t), 12)
	right, wrong := p.URLAt(fmt.Sprintf("localhost:%d", server.Port)), p.URLAt(fmt.Sprintf("127.0.0.1:%d", server.Port))

	require := func(what string) { w.exec("ALTER USER " + p.Name + "@'%' REQUIRE " + what) }
	for _, c := range []struct {
		name, require, url, mode, ca, cert, key string
		want                                    string // of the failure; empty where it works
	}{
		{"plain text", "NONE", wrong, "disabled", "", "", "", ""},
		{"plain text where the user must not", "SSL", wrong, "disabled", "", "", "", "1045"},
		{"required, whoever it is", "SSL", wrong, "required", "", "", "", ""},
		{"verify_ca, by another name", "SSL", wrong, "verify_ca", ca.file, "", "", ""},
		{"verify_ca, of another authority", "SSL", right, "verify_ca", stranger.file, "", "", "certificate"},
		{"verify_identity", "SSL", right, "verify_identity", ca.file, "", "", ""},
		{"verify_identity, by another name", "SSL", wrong, "verify_identity", ca.file, "", "", "certificate"},
		{"verify_identity, of another authority", "SSL", right, "verify_identity", stranger.file, "", "", "certificate"},
		{"an authority alone", "SSL", right, "", ca.file, "", "", ""},
		{"an authority alone, by another name", "SSL", wrong, "", ca.file, "", "", "certificate"},
		{"a certificate of ours", "X509", right, "verify_identity", ca.file, mine, mineKey, ""},
		{"none of ours where one is asked for", "X509", right, "verify_identity", ca.file, "", "", "1045"},
		{"one of another authority", "X509", right, "verify_identity", ca.file, theirs, theirsKey, ""},
	} {
		require(c.require)
		code, findings := w.check(map[string]string{
			"DATABASE_URL": c.url, "DATABASE_SSL_MODE": c.mode, "DATABASE_SSL_CA": c.ca, "DATABASE_SSL_CERT": c.cert, "DATABASE_SSL_KEY": c.key,
		})
		if c.cert == theirs { // TLS itself refuses it; the words differ by version
			if code != 1 {
				t.Errorf("%s: exit code %d", c.name, code)
			}
			continue
		}
		mysql, encrypted := finding{}, finding{}
		for _, f := range findings {
			switch f.Check {
			case "mysql":
				mysql = f
			case "mysql tls":
				encrypted = f
			}
		}
		switch {
		case c.want == "" && (mysql.Result != "ok" || (encrypted.Result == "ok") != (c.require != "NONE")):
			t.Errorf("%s: %+v, %+v", c.name, mysql, encrypted)
		case c.want != "" && (mysql.Result != "failure" || !strings.Contains(mysql.Found, c.want)):
			t.Errorf("%s: %+v, want a failure with %q", c.name, mysql, c.want)
		}
	}

	require("X509")
	maps.Copy(w.env, map[string]string{
		"DATABASE_URL": right, "DATABASE_SSL_CA": ca.file, "DATABASE_SSL_CERT": mine, "DATABASE_SSL_KEY": mineKey,
	})
	if code, r := w.once(); code != 0 || r.Tasks[0].Delivered != len(w.seeded.Owners) || r.Tasks[1].Purged == 0 {
		t.Errorf("exit code %d, %+v", code, r)
	}
}
