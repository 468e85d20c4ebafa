package secret_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

// pair writes a self-signed certificate and its key.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "CERTIFICATE", der), write(t, "PRIVATE KEY", keyDER)
}

func write(t *testing.T, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTLSFiles(t *testing.T) {
	cert, key := pair(t)
	_, otherKey := pair(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		files secret.TLSFiles
		err   string
	}{
		{"none", secret.TLSFiles{}, ""},
		{"all", secret.TLSFiles{CA: cert, Cert: cert, Key: key}, ""},
		{"no such CA", secret.TLSFiles{CA: "/nowhere"}, "/nowhere"},
		{"a CA file without a certificate", secret.TLSFiles{CA: empty}, "no PEM certificate"},
		{"a certificate without its key", secret.TLSFiles{Cert: cert}, "both"},
		{"a key without its certificate", secret.TLSFiles{Key: key}, "both"},
		{"another's key", secret.TLSFiles{Cert: cert, Key: otherKey}, cert},
	} {
		cfg, err := c.files.Load()
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.err)
		case c.err == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.err == "" && ((cfg.RootCAs != nil) != (c.files.CA != "") || (len(cfg.Certificates) == 1) != (c.files.Cert != "")):
			t.Errorf("%s: the configuration lacks what the files hold", c.name)
		}
	}
}
