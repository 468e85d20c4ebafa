package db

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/token-scheduler/token-scheduler/secret"
)

// The values of DATABASE_SSL_MODE, as Porta's mysql2 adapter names them.
const (
	SSLDisabled       = "disabled"
	SSLPreferred      = "preferred"
	SSLRequired       = "required"
	SSLVerifyCA       = "verify_ca"
	SSLVerifyIdentity = "verify_identity"
)

// SSL says how connections to MySQL are encrypted. The zero value means plain text.
type SSL struct {
	Mode string // one of the SSL… constants, in upper or lower case; empty is SSLVerifyIdentity with a CA, and SSLDisabled without
	CA   string // a PEM file
	Cert string // a PEM file, with Key
	Key  string
}

// Effective is the mode that is used.
func (s SSL) Effective() string {
	switch {
	case s.Mode != "":
		return normal(s.Mode)
	case s.CA != "":
		return SSLVerifyIdentity
	case s.Cert != "":
		return SSLRequired // a client certificate is useless in plain text
	}
	return SSLDisabled
}

// Config returns the TLS configuration for server, or nil for plain text.
func (s SSL) Config(server string) (*tls.Config, error) {
	cfg, err := secret.TLSFiles{CA: s.CA, Cert: s.Cert, Key: s.Key}.Load()
	if err != nil {
		return nil, err
	}
	cfg.ServerName = server
	switch mode := s.Effective(); mode {
	case SSLDisabled:
		return nil, nil //nolint:nilnil // the driver takes nil for plain text
	case SSLRequired, SSLPreferred:
		cfg.InsecureSkipVerify = true // these modes promise encryption and no identity
	case SSLVerifyCA:
		cfg.InsecureSkipVerify = true // the chain is verified below, the host's name is not
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, cfg.RootCAs) }
	case SSLVerifyIdentity:
	default:
		return nil, fmt.Errorf("mode %q is none of %s, %s, %s, %s, %s",
			s.Mode, SSLDisabled, SSLPreferred, SSLRequired, SSLVerifyCA, SSLVerifyIdentity)
	}
	return cfg, nil
}

func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(opts)
	return err
}

// ssl merges what the options and the URL say about TLS.
func (o Options) ssl() (SSL, error) {
	if o.URL.Empty() {
		return o.SSL, nil
	}
	u, err := parse(o.URL.Reveal())
	if err != nil {
		return o.SSL, err
	}
	parameters, err := parametersOf(u)
	if err != nil {
		return o.SSL, err
	}
	given, err := sslOf(parameters)
	if err != nil {
		return o.SSL, err
	}
	return o.SSL.and(given)
}

// CheckTLS returns what is wrong with TLS: a file that can't be read, an unknown mode,
// options and a URL that contradict each other. It leaves a URL that can't be read to
// [ParseURL].
func (o Options) CheckTLS() error {
	ssl := o.SSL
	if _, err := ParseURL(o.URL); err == nil {
		if ssl, err = o.ssl(); err != nil {
			return err
		}
	}
	_, err := ssl.Config("")
	return err
}

// SSLMode is the mode that is used, from the options and the URL.
func (o Options) SSLMode() string {
	ssl, _ := o.ssl() // [Options.CheckTLS] says what is wrong with it
	return ssl.Effective()
}

// config is the driver's configuration, with TLS.
func (o Options) config() (*mysql.Config, error) {
	cfg, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil { // a Unix socket
		host = "localhost"
	}
	ssl, err := o.ssl()
	if err != nil {
		return nil, fmt.Errorf("database ssl: %w", err)
	}
	if cfg.TLS, err = ssl.Config(host); err != nil {
		return nil, fmt.Errorf("database ssl: %w", err)
	}
	cfg.AllowFallbackToPlaintext = ssl.Effective() == SSLPreferred
	return cfg, nil
}
