package zync

import (
	"context"
	"crypto/tls"
	"errors"
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
}

// NewTransport returns a transport that opens a connection only to send a request
// on it at once, and closes it after the answer. Buffers are small, since one
// short message goes each way.
func NewTransport(o TransportOptions) *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: -1}
	return &http.Transport{
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
	}
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
