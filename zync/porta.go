package zync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

// ErrNotAccepted says that Porta does not accept a token: a token like it must
// not replace one that works.
var ErrNotAccepted = errors.New("porta does not accept a token that was just minted")

const portaTimeout = 5 * time.Second

// PortaOptions describe Porta as Zync reaches it.
type PortaOptions struct {
	// URL is Porta's URL inside the cluster (PORTA_ENDPOINT), which is told the
	// tenant's host in X-Forwarded-Host. Empty asks each tenant's own endpoint.
	URL      string
	Endpoint Endpoint // of the tenants
	// Token returns ZYNC_AUTHENTICATION_TOKEN, which Zync sends to Porta, too.
	Token     func() secret.Text
	Transport http.RoundTripper // see [NewTransport]
}

// Porta reads a tenant's account from Porta as Zync does.
type Porta struct {
	http     *http.Client
	base     *url.URL // nil: the tenant's own endpoint
	endpoint Endpoint
	token    func() secret.Text
}

// NewPorta returns a Porta. The error is about the options alone.
func NewPorta(o PortaOptions) (*Porta, error) {
	p := &Porta{http: withoutRedirects(o.Transport), endpoint: o.Endpoint, token: o.Token}
	if p.token == nil {
		p.token = func() secret.Text { return secret.Text{} }
	}
	if o.URL == "" {
		return p, nil
	}
	var err error
	if p.base, err = url.Parse(o.URL); err != nil {
		return nil, errors.New("porta endpoint is not a URL")
	}
	return p, nil
}

// Verify uses a token once, for an approved tenant. [ErrNotAccepted] is Porta's
// refusal: 401, or 403 with a body. Porta answers 403 without a body for a tenant
// that is not approved, whatever the token. Any other error shows nothing about
// the token.
func (p *Porta) Verify(ctx context.Context, tenant Tenant, token secret.Text) error {
	status, body, err := p.get(ctx, tenant, token)
	if err != nil {
		return fmt.Errorf("verify token: %w", err)
	}
	return p.ofProxy(ctx, tenant, verdict(status, len(body) > 0))
}

// verdict says what a status means for the token; nil is that Porta accepts it.
func verdict(status int, hasBody bool) error {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && hasBody:
		return fmt.Errorf("%w: it answered %d", ErrNotAccepted, status)
	case status == http.StatusForbidden:
		return errors.New("verify token: porta answered 403 without a body: the tenant is not approved")
	case status < 200 || status > 299:
		return fmt.Errorf("verify token: porta answered %d", status)
	}
	return nil
}

// ofProxy names the proxy in an error about an answer.
func (p *Porta) ofProxy(ctx context.Context, tenant Tenant, err error) error {
	request, failed := p.request(ctx, tenant)
	if failed != nil {
		return err
	}
	return ofProxy(p.http, request, err)
}

// Reach asks without a token and returns Porta's status, which is 401 or 403 if
// it is Porta that answers.
func (p *Porta) Reach(ctx context.Context, tenant Tenant) (status int, err error) {
	status, _, err = p.get(ctx, tenant, secret.Text{})
	if err != nil {
		return 0, fmt.Errorf("ask porta: %w", err)
	}
	return status, nil
}

// get returns the status and the first byte of the body, if there is one.
func (p *Porta) get(ctx context.Context, tenant Tenant, token secret.Text) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, portaTimeout)
	defer cancel()
	request, err := p.request(ctx, tenant)
	if err != nil {
		return 0, nil, err
	}
	if !token.Empty() {
		request.SetBasicAuth("", token.Reveal())
	}
	response, err := p.http.Do(request)
	if err != nil {
		return 0, nil, withoutURL(err)
	}
	defer drain(response)
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1)) // the status has said most of it
	return response.StatusCode, body, nil
}

func (p *Porta) request(ctx context.Context, tenant Tenant) (*http.Request, error) {
	base, err := p.endpoint.Of(tenant.Host)
	if err != nil {
		return nil, err
	}
	if p.base != nil {
		base = p.base.String()
	}
	target, err := url.JoinPath(base, "admin", "api", "provider.json")
	if err != nil {
		return nil, errors.New("no URL can be made from the porta endpoint")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("no request can be made for the porta endpoint")
	}
	request.Header.Set("Accept", "application/json")
	if credential := p.token(); !credential.Empty() {
		request.Header.Set("X-Zync-Token", credential.Reveal())
	}
	if p.base != nil {
		request.Header.Set("X-Forwarded-Host", tenant.Host)
		request.Header.Set("X-Forwarded-Proto", "https")
	}
	return request, nil
}
