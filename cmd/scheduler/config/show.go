package config

import (
	"cmp"
	"net/url"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Show returns the configuration as keys and values for the log, without secrets.
func (c Config) Show() []any {
	return append([]any{
		"name", c.Name,
		"database_url", withoutPassword(c.Database.URL.Reveal()), "database_ssl_mode", c.Database.SSLMode(),
		"redis", c.Redis.Address(),
		"zync_endpoint", withoutPassword(c.Zync.Endpoint), "zync_authentication_token", redactedOrNone(c.Zync.Token),
		"push_concurrency", orAuto(c.Zync.Concurrency), "push_rate", c.Zync.Rate,
		"impersonation_admin_username", c.Porta.ImpersonationAdmin,
		"verify", c.Porta.Verify, "porta_endpoint", withoutPassword(c.Porta.Endpoint),
		"tenant_endpoint", c.Porta.Tenants.String(), "push", c.pushes(), "gateway_listen", c.Listen.Gateway,
		"rotate_schedule", c.Schedule.Rotate.String(), "janitor_schedule", c.Schedule.Janitor.String(),
		"timezone", c.Schedule.Timezone.String(), "token_ttl", c.Schedule.TokenTTL,
		"shutdown_grace", c.ShutdownGrace, "listen", c.Listen.Address,
	}, c.showProxies()...)
}

func (c Config) pushes() string {
	if c.Zync.Placeholder {
		return "placeholder"
	}
	return "token"
}

// showProxies names the proxies if there are any.
func (c Config) showProxies() (keys []any) {
	for _, server := range []struct{ key, endpoint string }{
		{"zync_proxy", c.Zync.Endpoint}, {"porta_proxy", cmp.Or(c.Porta.Endpoint, c.anyTenant())},
	} {
		if proxy := c.ProxyFor(server.endpoint); proxy != "" {
			keys = append(keys, server.key, proxy)
		}
	}
	return keys
}

// anyTenant stands for the tenants' own endpoints.
func (c Config) anyTenant() string {
	endpoint, err := c.Porta.Tenants.Of("tenant.example.com")
	if err != nil {
		return ""
	}
	return endpoint
}

// withoutPassword keeps scheme, host and path of a URL. The user part and the query
// may hold secrets.
func withoutPassword(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil {
		return secret.Redacted
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func orAuto(n int) any {
	if n == 0 {
		return "auto"
	}
	return n
}

func redactedOrNone(text secret.Text) any {
	if text.Empty() {
		return "none"
	}
	return text
}
