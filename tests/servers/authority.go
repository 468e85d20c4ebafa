package servers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Authority is a certificate authority for one test, in a folder.
type Authority struct {
	// File is its certificate, PEM.
	File string

	tb   testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes one.
func NewAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a := &Authority{tb: tb, dir: tb.TempDir()}
	template := a.template("authority of "+tb.Name(), x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature)
	template.IsCA, template.BasicConstraintsValid = true, true
	a.key = a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	a.must(err)
	a.cert, err = x509.ParseCertificate(der)
	a.must(err)
	a.File = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

// Issue makes a certificate for hosts or addresses, for servers and clients. It returns
// the files of the certificate and its key.
func (a *Authority) Issue(hosts ...string) (certFile, keyFile string) {
	a.tb.Helper()
	template := a.template(hosts[0], x509.KeyUsageDigitalSignature)
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key := a.newKey()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	a.must(err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	serial := template.SerialNumber.String()
	return a.write(serial+".pem", "CERTIFICATE", der), a.write(serial+"-key.pem", "PRIVATE KEY", encoded)
}

// Config is the configuration of a client that trusts the authority and has a
// certificate from it.
func (a *Authority) Config() *tls.Config {
	a.tb.Helper()
	cert, key := a.Issue("client")
	pair, err := tls.LoadX509KeyPair(cert, key)
	a.must(err)
	return &tls.Config{RootCAs: a.Pool(), Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
}

// Pool contains only the authority.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a *Authority) template(name string, usage x509.KeyUsage) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, KeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	return key
}

func (a *Authority) write(name, kind string, der []byte) string {
	file := filepath.Join(a.dir, name)
	a.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return file
}

func (a *Authority) must(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatal(err)
	}
}

// host is the address of the n-th server with a certificate from the authority.
func (*Authority) host(n int) string { return fmt.Sprintf("127.0.0.%d", 10+n) }

// args make redis-server use only TLS, to clients and to other servers.
func (a *Authority) args(host string, port int) []string {
	cert, key := a.Issue(host)
	return []string{
		"--port", "0", "--tls-port", strconv.Itoa(port), "--tls-replication", "yes", "--tls-cluster", "yes",
		"--tls-ca-cert-file", a.File, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "optional",
		"--cluster-announce-ip", host, // its connections come from another address
	}
}
