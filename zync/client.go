package zync

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

const (
	requestTimeout = 10 * time.Second
	aliveTimeout   = 5 * time.Second
	// maxBody limits what is read of an answer.
	maxBody = 16 << 10
)

// Tenant is what a push says of a tenant.
type Tenant struct {
	ID   int64
	Host string // accounts.self_domain; may be empty
}

// Options describe Zync.
type Options struct {
	URL string // Zync's base URL (ZYNC_ENDPOINT)
	// Token returns ZYNC_AUTHENTICATION_TOKEN as it is now. Each push asks for it.
	// Nil or an empty token sends no header.
	Token     func() secret.Text
	Endpoint  Endpoint // of the tenants
	Now       func() time.Time
	Transport http.RoundTripper // see [NewTransport]
}

// Client pushes tokens to Zync.
type Client struct {
	http          *http.Client
	tenant, alive string
	token         func() secret.Text
	endpoint      Endpoint
	now           func() time.Time
}

// NewClient returns a client. The error is about the options alone.
func NewClient(o Options) (*Client, error) {
	tenant, err := url.JoinPath(o.URL, "tenant")
	if err != nil {
		return nil, errors.New("zync endpoint is not a URL")
	}
	alive, err := url.JoinPath(o.URL, "status", "live")
	if err != nil {
		return nil, errors.New("zync endpoint is not a URL")
	}
	if o.Token == nil {
		o.Token = func() secret.Text { return secret.Text{} }
	}
	return &Client{
		http:     withoutRedirects(o.Transport),
		tenant:   tenant,
		alive:    alive,
		token:    o.Token,
		endpoint: o.Endpoint,
		now:      o.Now,
	}, nil
}

type body struct {
	ID          int64  `json:"id"`
	Endpoint    string `json:"endpoint,omitempty"`
	AccessToken string `json:"access_token"`
}

// Push sends a tenant's token to Zync. The first request names no endpoint, so
// that Zync keeps the one it has: a wrong endpoint makes Zync delete the tenant's
// clients at the identity provider. Zync answers 422 if it does not know the
// tenant; then a second request names the endpoint.
func (c *Client) Push(ctx context.Context, tenant Tenant, token secret.Text) Answer {
	b := body{ID: tenant.ID, AccessToken: token.Reveal()}
	answer := c.put(ctx, b)
	if answer.Class != Invalid {
		return answer
	}
	endpoint, err := c.endpoint.Of(tenant.Host)
	if err != nil {
		answer.Err = fmt.Errorf("zync needs the tenant's endpoint: %w", err)
		return answer
	}
	b.Endpoint = endpoint
	return c.put(ctx, b)
}

func (c *Client) put(ctx context.Context, b body) Answer {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var sent atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	})
	request, err := c.request(ctx, b)
	if err != nil {
		return Answer{Class: Rejected, Err: err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Answer{
			Class: Transient, Sent: sent.Load(), Slow: isTimeout(err),
			Err: fmt.Errorf("push token: %w", withoutURL(err)),
		}
	}
	defer drain(response)
	answer := read(response, c.now())
	answer.Err = ofProxy(c.http, request, answer.Err)
	return answer
}

func (c *Client) request(ctx context.Context, b body) (*http.Request, error) {
	encoded, err := json.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("encode push: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, c.tenant, bytes.NewReader(encoded))
	if err != nil {
		return nil, errors.New("push token: no request can be made for the zync endpoint")
	}
	request.Header.Set("Content-Type", "application/json")
	if token := c.token(); !token.Empty() {
		request.Header.Set("Authorization", `Token token="`+token.Reveal()+`"`)
	}
	return request, nil
}

// Alive returns nil if Zync and its database are up. It needs no credential.
func (c *Client) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.alive, nil)
	if err != nil {
		return errors.New("ask zync for its status: no request can be made for the zync endpoint")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask zync for its status: %w", withoutURL(err))
	}
	defer drain(response)
	if response.StatusCode != http.StatusOK {
		return ofProxy(c.http, request, fmt.Errorf("zync's /status/live answered %d", response.StatusCode))
	}
	if !isJSONObject(response.Body) {
		return ofProxy(c.http, request, errors.New("/status/live answered 200 without a JSON object: this is not Zync; check ZYNC_ENDPOINT"))
	}
	return nil
}

func drain(response *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	_ = response.Body.Close()
}
