package rotate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	connectTimeout = 5 * time.Second
	requestTimeout = 10 * time.Second
	aliveTimeout   = 5 * time.Second
	// maxBody bounds what is read of an answer.
	maxBody = 16 << 10
)

// ClientOptions describe Zync.
type ClientOptions struct {
	Endpoint string // its base URL
	// Token is ZYNC_AUTHENTICATION_TOKEN as it is now, asked for each push; nil or
	// empty for no header.
	Token       func() secret.Text
	Concurrency int // never more connections than this; zero for as many as are asked for
	Now         func() time.Time
	// Transport replaces the network, for tests; nil is HTTP as Zync needs it.
	Transport http.RoundTripper
}

// Client talks to Zync.
type Client struct {
	http          *http.Client
	tenant, alive string
	token         func() secret.Text
	now           func() time.Time
}

// NewClient returns a client for the Zync at an endpoint.
func NewClient(o ClientOptions) (*Client, error) {
	tenant, err := url.JoinPath(o.Endpoint, "tenant")
	if err != nil {
		return nil, errors.New("zync endpoint is not a URL")
	}
	alive, err := url.JoinPath(o.Endpoint, "status", "live")
	if err != nil {
		return nil, errors.New("zync endpoint is not a URL")
	}
	if o.Token == nil {
		o.Token = func() secret.Text { return secret.Text{} }
	}
	transport := o.Transport
	if transport == nil {
		transport = newTransport(o.Concurrency)
	}
	return &Client{
		http: &http.Client{
			Transport: transport,
			// A redirect is the answer of something that is not Zync, and must not
			// be given the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		tenant: tenant,
		alive:  alive,
		token:  o.Token,
		now:    o.Now,
	}, nil
}

// newTransport opens a connection only to send a request on it at once, and
// closes it after the answer: Zync's web server has three threads, and each
// silent connection occupies one. For one short message each way the usual buffers
// would be most of the garbage that a push leaves, and a keep-alive of no use.
func newTransport(concurrency int) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: -1}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxConnsPerHost:        concurrency,
		MaxResponseHeaderBytes: maxBody,
		ReadBufferSize:         1 << 10,
		WriteBufferSize:        1 << 10,
	}
}

type body struct {
	ID          int64  `json:"id"`
	Endpoint    string `json:"endpoint,omitempty"`
	AccessToken string `json:"access_token"`
}

// Push hands a tenant's token to Zync. The first body names no endpoint, so that
// Zync keeps the one it has: a wrong one would make it delete the tenant's
// clients at the identity provider. Only a Zync that can't do without, which it
// says with 422, gets a full body.
func (c *Client) Push(ctx context.Context, tenant db.Tenant, token secret.Text) Answer {
	b := body{ID: tenant.ID, AccessToken: token.Reveal()}
	answer := c.put(ctx, b)
	if answer.Class != Invalid {
		return answer
	}
	endpoint, err := endpointOf(tenant)
	if err != nil {
		answer.Err = fmt.Errorf("zync needs the tenant's endpoint: %w", err)
		return answer
	}
	b.Endpoint = endpoint
	return c.put(ctx, b)
}

// hostPattern is what a host may look like: names of letters, digits, hyphens
// and underscores with dots between them, and a port behind.
var hostPattern = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*(:[0-9]{1,5})?$`)

func endpointOf(tenant db.Tenant) (string, error) {
	if !tenant.Host.Valid || tenant.Host.String == "" {
		return "", errors.New("accounts.self_domain is empty")
	}
	if len(tenant.Host.String) > 255 || !hostPattern.MatchString(tenant.Host.String) {
		return "", fmt.Errorf("accounts.self_domain %.100q is not a host", tenant.Host.String)
	}
	return "https://" + tenant.Host.String + "/", nil
}

func (c *Client) put(ctx context.Context, b body) Answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	encoded, err := json.Marshal(b)
	if err != nil {
		return Answer{Class: Invalid, Err: fmt.Errorf("encode push: %w", err)}
	}
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, c.tenant, bytes.NewReader(encoded))
	if err != nil {
		return Answer{Class: Rejected, Err: errors.New("push token: the zync endpoint makes no request")}
	}
	request.Header.Set("Content-Type", "application/json")
	if token := c.token(); !token.Empty() {
		request.Header.Set("Authorization", `Token token="`+token.Reveal()+`"`)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{
			Class: Transient,
			Sent:  sent.Load(),
			Slow:  isTimeout(err),
			Err:   fmt.Errorf("push token: %w", unwrapURL(err)),
		}
	}
	defer func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
		_ = response.Body.Close()
	}()
	return c.answer(response)
}

func (c *Client) answer(response *http.Response) Answer {
	answer := Answer{Class: classify(response.StatusCode), Sent: true}
	switch answer.Class {
	case Delivered:
	case Invalid:
		answer.Err = fmt.Errorf("zync refuses the tenant's data (422%s)", invalidFields(response.Body))
	case Transient:
		answer.RetryAfter = retryAfter(response.Header.Get("Retry-After"), c.now())
		answer.Err = fmt.Errorf("zync answered %d", response.StatusCode)
	case Rejected:
		answer.Err = fmt.Errorf("zync answered %d: %s", response.StatusCode, advice(response.StatusCode))
	}
	return answer
}

func advice(status int) string {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return "it does not accept our credential; check ZYNC_AUTHENTICATION_TOKEN"
	}
	return "this is not the Zync we know; check ZYNC_ENDPOINT"
}

// invalidFields names the fields that a 422 complains of. Its messages are left
// out: they may quote what was sent.
func invalidFields(body io.Reader) string {
	var refusal struct {
		Errors map[string]json.RawMessage `json:"errors"`
	}
	// A body that does not come to an end changes nothing: the status has said it.
	content, _ := io.ReadAll(io.LimitReader(body, maxBody))
	if json.Unmarshal(content, &refusal) != nil {
		return ""
	}
	var names strings.Builder
	for _, name := range []string{"id", "endpoint", "access_token"} {
		if _, bad := refusal.Errors[name]; bad {
			names.WriteString(", " + name)
		}
	}
	return names.String()
}

// Alive tells whether Zync is up. It needs no credential.
func (c *Client) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.alive, nil)
	if err != nil {
		return errors.New("ask zync whether it lives: the zync endpoint makes no request")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask zync whether it lives: %w", unwrapURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask zync whether it lives: it answered %d", response.StatusCode)
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

// unwrapURL drops the method and the URL, which may hold a password, from the
// client's error.
func unwrapURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}
