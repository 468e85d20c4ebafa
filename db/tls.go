package db

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/token-scheduler/token-scheduler/secret"
)

// The values of DATABASE_SSL_MODE, as Porta's mysql2 adapter names them.
const (
	SSLDisabled       = "disabled"
	SSLRequired       = "required"
	SSLVerifyCA       = "verify_ca"
	SSLVerifyIdentity = "verify_identity"
)

// SSL says how connections to MySQL are encrypted. The zero value is plain text.
type SSL struct {
	Mode string // one of the SSL… constants; empty is SSLVerifyIdentity with a CA, else SSLDisabled
	CA   string // a PEM file
	Cert string // a PEM file, with Key
	Key  string
}

// Effective is the mode in force.
func (s SSL) Effective() string {
	switch {
	case s.Mode != "":
		return s.Mode
	case s.CA != "":
		return SSLVerifyIdentity
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
	case SSLRequired:
		cfg.InsecureSkipVerify = true // that is what "required" promises: encryption, no identity
	case SSLVerifyCA:
		cfg.InsecureSkipVerify = true // the chain is verified below; only the host's name is not
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, cfg.RootCAs) }
	case SSLVerifyIdentity:
	default:
		return nil, fmt.Errorf("mode %q is none of %s, %s, %s, %s",
			mode, SSLDisabled, SSLRequired, SSLVerifyCA, SSLVerifyIdentity)
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
