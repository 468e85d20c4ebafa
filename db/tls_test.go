package db_test

import (
	"net"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/porta"
)

// TestTLSIsDoneOrRefused: whatever asks for TLS, and in whatever words, gets it or an
// error.
func TestTLSIsDoneOrRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parameters string
		ssl        db.SSL
		mode, err  string
	}{
		{"", db.SSL{}, "disabled", ""},
		{"?ssl_mode=required", db.SSL{}, "required", ""},
		{"?ssl_mode=REQUIRED", db.SSL{Mode: "required"}, "required", ""},
		{"?ssl_mode=SSL_MODE_REQUIRED", db.SSL{}, "required", ""},
		{"", db.SSL{Mode: "Verify_Identity"}, "verify_identity", ""},
		{"", db.SSL{Mode: "PREFERRED"}, "preferred", ""},
		{"?sslverify=true", db.SSL{}, "verify_identity", ""},
		{"?sslverify=false", db.SSL{}, "required", ""},
		{"?tls=true", db.SSL{}, "verify_identity", ""},
		{"?tls=skip-verify", db.SSL{}, "required", ""},
		{"?tls=false", db.SSL{}, "disabled", ""},
		{"?sslca=/no/such.pem", db.SSL{}, "verify_identity", "/no/such.pem"},
		{"?sslcert=/no/such.pem&sslkey=/no/key.pem", db.SSL{}, "required", "/no/such.pem"},
		{"?sslcert=/no/such.pem", db.SSL{}, "required", "both"},
		{"?ssl_mode=required", db.SSL{Mode: "disabled"}, "", "differ"},
		{"?ssl_mode=required&sslverify=true", db.SSL{}, "", "contradicts"},
		{"?tls=custom", db.SSL{}, "", "tls"},
		{"", db.SSL{Mode: "prefer"}, "", "prefer"},
		{"?ssl_mode=yes", db.SSL{}, "", "yes"},
	} {
		o := db.Options{URL: secret.New("mysql2://u:secret@db/d" + c.parameters), SSL: c.ssl}
		err := o.CheckTLS()
		if (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q with %+v: error %v, want one with %q", c.parameters, c.ssl, err, c.err)
		}
		pool, openErr := db.Open(o)
		if (openErr == nil) != (err == nil) {
			t.Errorf("%q with %+v: Open says %v, CheckTLS %v", c.parameters, c.ssl, openErr, err)
		}
		if openErr == nil {
			_ = pool.Close()
		}
		if got := o.SSLMode(); c.mode != "" && got != c.mode {
			t.Errorf("%q with %+v: mode %s, want %s", c.parameters, c.ssl, got, c.mode)
		}
	}
}

// TestPreferredTLS works with a server that has none.
func TestPreferredTLS(t *testing.T) {
	t.Parallel()
	p := porta.New(t)
	pool, err := db.Open(db.Options{URL: secret.New(p.URL() + "&ssl_mode=preferred")})
	must(t, err)
	defer func() { _ = pool.Close() }()
	must(t, db.Ping(t.Context(), pool))
}

// TestTheURLIsFollowed: each new connection goes where the URL says now.
func TestTheURLIsFollowed(t *testing.T) {
	t.Parallel()
	first, second := porta.New(t), porta.New(t)
	current := first.URL()
	pool, err := db.Open(db.Options{URL: secret.New(first.URL()), Current: func() secret.Text { return secret.New(current) }})
	must(t, err)
	defer func() { _ = pool.Close() }()
	pool.SetMaxIdleConns(0)
	for _, p := range []*porta.Porta{first, second} {
		current = p.URL()
		var name string
		must(t, pool.Get(&name, "SELECT DATABASE()"))
		if name != p.Name {
			t.Errorf("connected to %s, want %s", name, p.Name)
		}
	}
}

// TestAServerThatHangsUp may want TLS, and the advice says so.
func TestAServerThatHangsUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.Close()
		}
	}()
	pool, err := db.Open(db.Options{URL: secret.New("mysql2://u:p@" + listener.Addr().String() + "/d")})
	must(t, err)
	defer func() { _ = pool.Close() }()
	if err := db.Ping(t.Context(), pool); err == nil || !strings.Contains(db.Advice(err), "TLS") {
		t.Errorf("error %v with advice %q, want one about TLS", err, db.Advice(err))
	}
}
