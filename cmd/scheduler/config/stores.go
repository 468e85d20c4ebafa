package config

import (
	"errors"
	"net"
	"strings"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

func (f Flags) checkDatabase(p *Problems, cfg *Config) {
	const setting = "--database-url (DATABASE_URL)"
	cfg.Database = db.Options{
		URL: secret.New(f.DatabaseURL),
		SSL: db.SSL{Mode: f.DatabaseSSLMode, CA: f.DatabaseSSLCA, Cert: f.DatabaseSSLCert, Key: f.DatabaseSSLKey},
	}
	if f.DatabaseURL != "" {
		if _, err := db.ParseURL(cfg.Database.URL); err != nil {
			p.add(setting, err)
		}
	} else if !f.Status && !f.Healthcheck {
		p.missing(setting)
	}
	if err := cfg.Database.CheckTLS(); err != nil {
		p.add("--database-ssl-… (DATABASE_SSL_…)", err)
	}
}

func (f Flags) checkRedis(p *Problems, cfg *Config) {
	const setting = "--redis-url (REDIS_URL)"
	cfg.Redis = locks.Options{
		URL: f.RedisURL, Username: f.RedisUsername, Password: f.RedisPassword,
		SentinelHosts:    f.sentinels(p),
		SentinelUsername: f.RedisSentinelUsername, SentinelPassword: f.RedisSentinelPassword,
		CA: f.RedisCAFile, Cert: f.RedisClientCert, Key: f.RedisPrivateKey, Cluster: f.RedisCluster,
	}
	if f.RedisURL != "" {
		if client, err := locks.Open(cfg.Redis); err != nil {
			p.add(setting, err)
		} else {
			_ = client.Close()
		}
	} else if !f.Healthcheck {
		p.missing(setting)
	}
	if f.RedisSentinelRole != "" {
		p.oneOf("--redis-sentinel-role (REDIS_SENTINEL_ROLE)", f.RedisSentinelRole, "master")
	}
}

// sentinels reads the list as Porta does: hosts with or without a scheme, and port
// 26379 if none is given.
func (f Flags) sentinels(p *Problems) []string {
	var hosts []string
	for host := range strings.SplitSeq(f.RedisSentinelHosts, ",") {
		host = strings.TrimSpace(host)
		if host == "" {
			continue
		}
		if _, rest, found := strings.Cut(host, "://"); found {
			host = rest
		}
		if strings.ContainsAny(host, "@/ ") {
			p.add("--redis-sentinel-hosts (REDIS_SENTINEL_HOSTS)",
				errors.New("want host:port, …; the password goes into REDIS_SENTINEL_PASSWORD"))
			continue
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(host, "26379")
		}
		hosts = append(hosts, host)
	}
	return hosts
}
