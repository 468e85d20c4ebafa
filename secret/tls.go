package secret

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles are the names of the PEM files of a client's TLS. Each server that the
// program connects to has its own. The zero value trusts the system's authorities and
// sends no certificate.
type TLSFiles struct {
	CA   string // the authorities to trust in place of the system's
	Cert string // the client's certificate, with Key
	Key  string
}

// Empty tells whether no file is named.
func (f TLSFiles) Empty() bool { return f == TLSFiles{} }

// Load reads the files and returns a configuration for TLS 1.2 and later. The caller
// sets ServerName, and loads again if the files may have changed. An error names the
// file and quotes nothing from it.
func (f TLSFiles) Load() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if err := errors.Join(f.addCA(cfg), f.addCertificate(cfg)); err != nil {
		return nil, err
	}
	return cfg, nil
}

func (f TLSFiles) addCA(cfg *tls.Config) error {
	if f.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return fmt.Errorf("read CA: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("CA file %s holds no PEM certificate", f.CA)
	}
	return nil
}

func (f TLSFiles) addCertificate(cfg *tls.Config) error {
	if f.Cert == "" && f.Key == "" {
		return nil
	}
	if f.Cert == "" || f.Key == "" {
		return errors.New("a client certificate needs both its certificate and its key")
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return fmt.Errorf("load client certificate %s with key %s: %w", f.Cert, f.Key, err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return nil
}
