package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	// connectTimeout bounds the dialling and the handshake of one connection.
	connectTimeout = 5 * time.Second
	// idleLife is how long an unused connection to Porta is kept.
	idleLife = 30 * time.Second
	idleMost = 64
)

// porta asks Porta.
type porta struct {
	base      string // PORTA_ENDPOINT without a slash at its end
	zync      func() secret.Text
	transport http.RoundTripper
	large     chan struct{} // one for each large body in memory
}

// checkPorta says why a Porta endpoint cannot be asked.
func checkPorta(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(endpoint, "?#") || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("the Porta endpoint must be http:// or https:// and a host, without ? and #")
	}
	return nil
}

// newPorta asks Porta at an endpoint; a nil transport is the network.
func newPorta(endpoint string, zync func() secret.Text, transport http.RoundTripper) *porta {
	if transport == nil {
		transport = NewTransport(nil, nil)
	}
	return &porta{
		base: strings.TrimRight(endpoint, "/"), zync: zync, transport: transport,
		large: make(chan struct{}, largeMost),
	}
}

// NewTransport returns the transport to Porta. It keeps connections open between requests.
// It asks for no compression, because an answer must be read to be judged. Without
// arguments it trusts the system's authorities and uses no proxy, not even the
// environment's.
func NewTransport(authorities *tls.Config, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        authorities,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           idleMost,
		MaxIdleConnsPerHost:    idleMost,
		MaxConnsPerHost:        most,
		IdleConnTimeout:        idleLife,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// ask sends one request as Zync would, for the tenant of a host. It does not send an empty
// token. An error is part of the answer. The caller frees the answer.
func (p *porta) ask(ctx context.Context, a asked, host string, token secret.Text) answer {
	target := p.base + a.endpoint.path
	if a.query != "" {
		target += "?" + a.query
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return answer{trouble: unreachable}
	}
	p.fill(request, a, host, token)
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return answer{trouble: troubleOf(err)}
	}
	defer func() { _ = response.Body.Close() }()
	return p.read(ctx, response)
}

// fill writes the headers. Nothing else of Zync's request goes to Porta.
func (p *porta) fill(request *http.Request, a asked, host string, token secret.Text) {
	header := request.Header
	header["User-Agent"] = nil // or net/http sends its own
	if a.accept != "" {
		header.Set("Accept", a.accept)
	}
	if a.id != "" {
		header.Set("X-Request-Id", a.id)
	}
	header.Set("X-Zync-Token", p.zync().Reveal())
	header.Set("X-Forwarded-Host", host)
	header.Set("X-Forwarded-Proto", "https")
	if !token.Empty() {
		request.SetBasicAuth("", token.Reveal())
	}
}

// close closes connections that no request uses.
func (p *porta) close() {
	if t, ok := p.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// trouble says why Porta gave no answer.
type trouble int

const (
	noTrouble trouble = iota
	unreachable
	tooSlow
	tooManyLarge // too many large bodies are being read
)

func (t trouble) reason() reason {
	switch t {
	case tooSlow:
		return portaSlow
	case tooManyLarge:
		return tooMany
	default:
		return portaUnreachable
	}
}

// troubleOf tells a time-out from a connection that failed or broke.
func troubleOf(err error) trouble {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" && !errors.Is(err, context.DeadlineExceeded) {
		return unreachable
	}
	var waited net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &waited) && waited.Timeout() {
		return tooSlow
	}
	return unreachable
}
