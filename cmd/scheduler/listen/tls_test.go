package listen_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// webConfig writes a certificate and a file that names it, with HTTP/2 and one user,
// whose password is "test".
func webConfig(t *testing.T) string {
	t.Helper()
	borrowed := httptest.NewUnstartedServer(nil)
	borrowed.StartTLS()
	defer borrowed.Close()
	certificate := borrowed.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"web.yml": []byte("tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n" +
			"basic_auth_users: {admin: $2a$04$jhIwiqEepuBVUPJ73O10EOfDZvp6SOLT5kUDUjjOXTrIfxi4KO6WK}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "web.yml")
}

// TestTLSAndPasswords: the limits hold with TLS, too. There the toolkit wraps the
// connections and the handler.
func TestTLSAndPasswords(t *testing.T) {
	s := serve(t, 4, webConfig(t))
	ask := func(path, password string) (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Addr().String()+path, http.NoBody)
		if err != nil {
			return 0, err
		}
		if password != "" {
			request.SetBasicAuth("admin", password)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return 0, err
		}
		return response.StatusCode, response.Body.Close()
	}
	for password, want := range map[string]int{"test": http.StatusOK, "": http.StatusUnauthorized} {
		if code, err := ask("/", password); code != want {
			t.Errorf("password %q: %d, %v", password, code, err)
		}
	}
	answered := make(chan int)
	go func() { code, _ := ask("/wait", "test"); answered <- code }()
	<-s.arrived
	for range 20 {
		s.send(t, "GET / HTTP/1.1\r\n\r\n") // no TLS
		s.send(t, "")
	}
	if code, err := ask("/", "test"); code != http.StatusOK {
		t.Errorf("among idle clients: %d, %v", code, err)
	}
	close(s.wait)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the one at work got %d", code)
	}
	if !strings.Contains(s.log.String(), "HTTP client caused an error") {
		t.Errorf("log: %s", s.log)
	}
}
