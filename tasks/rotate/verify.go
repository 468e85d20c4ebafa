package rotate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// ErrNotAccepted says that Porta does not accept the token that was just
// written to its database: a token like it must not replace one that works.
var ErrNotAccepted = errors.New("porta does not accept a token that was just minted")

const verifyTimeout = 5 * time.Second

// Verifier uses a token once as Zync would.
type Verifier struct {
	http  *http.Client
	porta *url.URL // nil: the tenant's own endpoint
}

// NewVerifier returns a verifier that asks Porta at an endpoint, or where that is
// empty at each tenant's own. A nil transport is the network.
func NewVerifier(porta string, transport http.RoundTripper) (*Verifier, error) {
	v := &Verifier{http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if transport == nil {
		v.http.Transport = &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			DialContext:       (&net.Dialer{Timeout: connectTimeout}).DialContext,
			DisableKeepAlives: true,
		}
	}
	if porta == "" {
		return v, nil
	}
	var err error
	if v.porta, err = url.Parse(porta); err != nil {
		return nil, errors.New("porta endpoint is not a URL")
	}
	return v, nil
}

// Verify reads the tenant's own account with the token. [ErrNotAccepted] is
// Porta's refusal (401, 403); any other error says that the try showed nothing.
func (v *Verifier) Verify(ctx context.Context, tenant db.Tenant, token secret.Text) error {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	request, err := v.request(ctx, tenant)
	if err != nil {
		return err
	}
	request.SetBasicAuth("", token.Reveal())
	response, err := v.http.Do(request)
	if err != nil {
		return fmt.Errorf("verify token: %w", unwrapURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: it answered %d", ErrNotAccepted, response.StatusCode)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return fmt.Errorf("verify token: porta answered %d", response.StatusCode)
	}
	return nil
}

// Reach asks for the same without a token and returns Porta's status: 401 or 403
// where it is Porta that answers.
func (v *Verifier) Reach(ctx context.Context, tenant db.Tenant) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	request, err := v.request(ctx, tenant)
	if err != nil {
		return 0, err
	}
	response, err := v.http.Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask porta: %w", unwrapURL(err))
	}
	_ = response.Body.Close()
	return response.StatusCode, nil
}

func (v *Verifier) request(ctx context.Context, tenant db.Tenant) (*http.Request, error) {
	endpoint, err := endpointOf(tenant)
	if err != nil {
		return nil, fmt.Errorf("verify token: %w", err)
	}
	base := endpoint
	if v.porta != nil {
		base = v.porta.String()
	}
	target, err := url.JoinPath(base, "admin", "api", "provider.json")
	if err != nil {
		return nil, errors.New("verify token: the porta endpoint makes no URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, errors.New("verify token: the porta endpoint makes no request")
	}
	if v.porta != nil {
		request.Header.Set("X-Forwarded-Host", tenant.Host.String)
		request.Header.Set("X-Forwarded-Proto", "https")
	}
	return request, nil
}
