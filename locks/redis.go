package locks

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options describe Redis by the names that Porta gives to its own settings.
type Options struct {
	URL              string // redis://, rediss:// or unix://; with Sentinel its host is the master's name
	Username         string // overrides the URL's
	Password         string
	SentinelHosts    []string // host:port, where Sentinel is used
	SentinelUsername string
	SentinelPassword string
	CA, Cert, Key    string // PEM files, for rediss://
	Cluster          bool   // the URL names a node of a Redis Cluster
	// Current are the options as they are now, where those may change: they are
	// asked for each new connection to Redis, and their user and password are
	// used. Nil where what stands above is all.
	Current func() Options
}

// credentials are the user and password in force.
func (o Options) credentials() (username, password string, err error) {
	u, err := parseURL(o)
	if err != nil {
		return "", "", errURL
	}
	return cmp.Or(o.Username, u.Username), cmp.Or(o.Password, u.Password), nil
}

// parseURL reads the URL; for a Cluster, whose further nodes are for openCluster,
// without its parameters.
func parseURL(o Options) (*redis.Options, error) {
	if o.Cluster {
		o.URL, _, _ = strings.Cut(o.URL, "?")
	}
	return redis.ParseURL(o.URL)
}

var errURL = errors.New("not a redis://host:port/database, rediss:// or unix:// URL" +
	" (a special character in the password must be percent-encoded)")

// Open prepares a client. It connects to nothing yet: the error is about the
// options alone, and holds no part of the URL, which may hold a password.
func Open(o Options) (redis.UniversalClient, error) {
	u, err := parseURL(o)
	if err != nil {
		return nil, errURL
	}
	if err := addTLS(u, o); err != nil {
		return nil, err
	}
	all := &redis.UniversalOptions{
		Addrs:            []string{u.Addr},
		DB:               u.DB,
		Username:         cmp.Or(o.Username, u.Username),
		Password:         cmp.Or(o.Password, u.Password),
		SentinelUsername: o.SentinelUsername,
		SentinelPassword: o.SentinelPassword,
		TLSConfig:        u.TLSConfig,
		IsClusterMode:    o.Cluster,
		// Without it a context bounds no call.
		ContextTimeoutEnabled: true,
		DialTimeout:           callTimeout,
		ReadTimeout:           callTimeout,
		WriteTimeout:          callTimeout,
		PoolSize:              8,
		MaxRetries:            1,
		ConnMaxIdleTime:       5 * time.Minute,
		// A feature of one vendor's cloud; elsewhere it costs a call a connection.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if o.Current != nil {
		all.CredentialsProviderContext = func(context.Context) (string, string, error) { return o.Current().credentials() }
	}
	if len(o.SentinelHosts) > 0 {
		all.Addrs = o.SentinelHosts
		all.MasterName, _, _ = strings.Cut(u.Addr, ":")
	}
	if u.Network == "unix" {
		u.ContextTimeoutEnabled, u.PoolSize, u.MaxRetries = true, all.PoolSize, all.MaxRetries
		u.Username, u.Password = all.Username, all.Password
		u.MaintNotificationsConfig = all.MaintNotificationsConfig
		u.CredentialsProviderContext = all.CredentialsProviderContext
		return redis.NewClient(u), nil
	}
	if o.Cluster {
		return openCluster(o.URL, all)
	}
	return redis.NewUniversalClient(all), nil
}

// clusterReload is how old a client's map of the Cluster may be. It is made anew
// by the next call, so a failover costs a call or two; the library's own minute
// would cost the leadership.
const clusterReload = 2 * time.Second

// openCluster finds the Cluster by any node that the URL names: its host, or those
// of the parameters addr.
func openCluster(raw string, all *redis.UniversalOptions) (redis.UniversalClient, error) {
	seeds, err := redis.ParseClusterURL(raw)
	if err != nil {
		return nil, errURL
	}
	all.Addrs = seeds.Addrs
	cluster := all.Cluster()
	cluster.ClusterStateReloadInterval = clusterReload
	return redis.NewClusterClient(cluster), nil
}

func addTLS(u *redis.Options, o Options) error {
	if u.TLSConfig == nil {
		return nil
	}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return fmt.Errorf("read CA: %w", err)
		}
		u.TLSConfig.RootCAs = x509.NewCertPool()
		if !u.TLSConfig.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("CA file %s holds no PEM certificate", o.CA)
		}
	}
	if o.Cert != "" || o.Key != "" {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		if err != nil {
			return fmt.Errorf("load client certificate: %w", err)
		}
		u.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	return nil
}
