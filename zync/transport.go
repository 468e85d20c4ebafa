package zync

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

const connectTimeout = 5 * time.Second

// TransportOptions say how to reach Zync or Porta.
type TransportOptions struct {
	// Connections is the largest number of open connections; zero is no limit.
	Connections int
	// TLS is used for https endpoints; nil trusts the system's authorities.
	TLS *tls.Config
	// Proxy picks the HTTP proxy of a request. Nil uses none, not even one that
	// the environment names: tokens for http://zync:8080 would pass it as plain text.
	Proxy func(*http.Request) (*url.URL, error)
	// Clean takes secrets out of an error, which may quote what a proxy or a server
	// says. Nil leaves errors as they are.
	Clean func(error) error
}

// Transport reaches Zync or Porta.
type Transport struct {
	*http.Transport
	clean func(error) error
}

// NewTransport returns a transport that opens a connection only to send a request
// on it at once, and closes it after the answer. Buffers are small, since one
// short message goes each way.
func NewTransport(o TransportOptions) *Transport {
	if o.Clean == nil {
		o.Clean = func(err error) error { return err }
	}
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: -1}
	return &Transport{clean: o.Clean, Transport: &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        o.TLS,
		TLSHandshakeTimeout:    connectTimeout,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxConnsPerHost:        o.Connections,
		MaxResponseHeaderBytes: maxBody,
		ReadBufferSize:         1 << 10,
		WriteBufferSize:        1 << 10,
	}}
}

// RoundTrip implements [http.RoundTripper]. Its errors name the proxy.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(request)
	if err != nil {
		return nil, t.ofProxy(request, t.clean(err))
	}
	return response, nil
}

// ofProxy names the proxy that a request takes in an error about it: what looks like
// Zync's or Porta's may be the proxy's.
func (t *Transport) ofProxy(request *http.Request, err error) error {
	name := ProxyName(t.Proxy, request.URL)
	if err == nil || name == "" {
		return err
	}
	return fmt.Errorf("through proxy %s: %w", name, err)
}

// ProxyName returns the proxy that requests for a URL take, without its password; it
// is empty if they use none.
func ProxyName(proxy func(*http.Request) (*url.URL, error), target *url.URL) string {
	if proxy == nil {
		return ""
	}
	through, err := proxy(&http.Request{URL: target})
	switch {
	case err != nil:
		return "that the environment names, which is not a URL"
	case through == nil:
		return ""
	}
	return through.Scheme + "://" + through.Host
}

// ofProxy names the proxy in an error about an answer.
func ofProxy(client *http.Client, request *http.Request, err error) error {
	if t, ok := client.Transport.(*Transport); ok {
		return t.ofProxy(request, err)
	}
	return err
}

// withoutRedirects follows no redirect: what redirects is not Zync, and must not
// be given a token.
func withoutRedirects(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

// errNoAnswer replaces Go's "context deadline exceeded", which says nothing to an
// operator.
var errNoAnswer = errors.New("no answer in time")

// withoutURL drops the method and the URL, which may hold a password, from the
// client's error, and calls a time-out a time-out.
func withoutURL(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errNoAnswer
	}
	return err
}
