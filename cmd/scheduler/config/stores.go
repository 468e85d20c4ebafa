package config

import (
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
	sentinels, err := locks.ParseSentinels(secret.New(f.RedisSentinelHosts), f.RedisSentinelUsername, secret.New(f.RedisSentinelPassword))
	if err != nil {
		p.add("--redis-sentinel-hosts (REDIS_SENTINEL_HOSTS)", err)
	}
	if err := locks.CheckRole(f.RedisSentinelRole); err != nil {
		p.add("--redis-sentinel-role (REDIS_SENTINEL_ROLE)", err)
	}
	cfg.Redis = locks.Options{
		URL: secret.New(f.RedisURL), Username: f.RedisUsername, Password: secret.New(f.RedisPassword),
		SSL: f.RedisSSL, Files: secret.TLSFiles{CA: f.RedisCAFile, Cert: f.RedisClientCert, Key: f.RedisPrivateKey},
		Sentinels: sentinels, Cluster: f.RedisCluster,
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
}
