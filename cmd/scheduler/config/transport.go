package config

import (
	"net/http"
	"net/url"

	"github.com/token-scheduler/token-scheduler/gateway"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/zync"
)

// ZyncTransport returns what reaches Zync. clean takes secrets out of its errors.
func (c Config) ZyncTransport(clean func(error) error) (*zync.Transport, error) {
	return c.transport(c.Zync.Files, c.Zync.Concurrency, clean)
}

// PortaTransport returns what reaches Porta. clean takes secrets out of its errors.
func (c Config) PortaTransport(clean func(error) error) (*zync.Transport, error) {
	return c.transport(c.Porta.Files, 0, clean)
}

// GatewayTransport returns what reaches Porta for the gateway.
func (c Config) GatewayTransport() (*http.Transport, error) {
	authorities, err := c.Porta.Files.Load()
	if err != nil {
		return nil, err
	}
	return gateway.NewTransport(authorities, c.proxy()), nil
}

func (c Config) transport(files secret.TLSFiles, connections int, clean func(error) error) (*zync.Transport, error) {
	tls, err := files.Load()
	if err != nil {
		return nil, err
	}
	return zync.NewTransport(zync.TransportOptions{Connections: connections, TLS: tls, Proxy: c.proxy(), Clean: clean}), nil
}

func (c Config) proxy() func(*http.Request) (*url.URL, error) {
	if c.Proxy {
		return http.ProxyFromEnvironment
	}
	return nil
}

// ProxyFor names the proxy that requests for an endpoint take, without its password;
// it is empty if they use none.
func (c Config) ProxyFor(endpoint string) string {
	target, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return zync.ProxyName(c.proxy(), target)
}
