package config

import (
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Secrets returns every secret of the configuration, valid or not, for a
// [secret.Scrubber]. A password stands in a URL escaped or not; both are secrets.
func (f Flags) Secrets() []secret.Text {
	secrets := []secret.Text{
		secret.New(f.RedisPassword), secret.New(f.RedisSentinelPassword), secret.New(f.ZyncAuthenticationToken),
		pathOf(f.PingURL),
	}
	urls := append([]string{f.DatabaseURL, f.RedisURL, f.ZyncEndpoint, f.PortaEndpoint, f.PingURL}, strings.Split(f.RedisSentinelHosts, ",")...)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		urls = append(urls, os.Getenv(name)) // what [http.ProxyFromEnvironment] reads
	}
	for _, text := range urls {
		secrets = append(secrets, passwordOf(text)...)
	}
	return secrets
}

// pathOf returns all of a URL but its scheme and host. They are no secret, and other
// settings may have them too.
func pathOf(text string) secret.Text {
	_, rest, _ := strings.Cut(text, "://")
	if begins := strings.IndexAny(rest, "/?"); begins >= 0 {
		return secret.New(rest[begins:])
	}
	return secret.Text{}
}

// passwordOf returns the password of a URL, also if the URL is not valid: what
// stands between the first colon and the last @.
func passwordOf(text string) []secret.Text {
	if _, rest, found := strings.Cut(text, "://"); found {
		text = rest
	}
	at := strings.LastIndex(text, "@")
	if at < 0 {
		return nil
	}
	_, password, _ := strings.Cut(text[:at], ":")
	if password == "" {
		return nil
	}
	secrets := []secret.Text{secret.New(password)}
	if unescaped, err := url.PathUnescape(password); err == nil {
		secrets = append(secrets, secret.New(unescaped))
	}
	return secrets
}

// Exposed is a flag that shows a secret to every user of the machine, in ps for one.
type Exposed struct {
	Flag     string
	Variable string // to use in its place
}

// Exposed returns the flags among args that hold a secret.
func (f Flags) Exposed(args []string) (exposed []Exposed) {
	for _, flag := range []struct {
		name, variable string
		secret         bool
	}{
		{"--database-url", "DATABASE_URL", len(passwordOf(f.DatabaseURL)) > 0},
		{"--redis-url", "REDIS_URL", len(passwordOf(f.RedisURL)) > 0},
		{"--redis-password", "REDIS_PASSWORD", true},
		{"--redis-sentinel-hosts", "REDIS_SENTINEL_HOSTS", strings.Contains(f.RedisSentinelHosts, "@")},
		{"--redis-sentinel-password", "REDIS_SENTINEL_PASSWORD", true},
		{"--zync-authentication-token", "ZYNC_AUTHENTICATION_TOKEN", true},
		{"--zync-endpoint", "ZYNC_ENDPOINT", len(passwordOf(f.ZyncEndpoint)) > 0},
		{"--ping-url", "PING_URL", true},
		{"--porta-endpoint", "PORTA_ENDPOINT", len(passwordOf(f.PortaEndpoint)) > 0},
	} {
		given := slices.ContainsFunc(args, func(arg string) bool { return arg == flag.name || strings.HasPrefix(arg, flag.name+"=") })
		if given && flag.secret {
			exposed = append(exposed, Exposed{flag.name, flag.variable})
		}
	}
	return exposed
}
