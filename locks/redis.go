package locks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Options describe Redis. Their names are those of Porta's settings.
type Options struct {
	URL       secret.Text // redis://, rediss:// or unix://; with Sentinel its host is the master's name
	Username  string      // overrides the URL's
	Password  secret.Text
	SSL       bool // use TLS even if the URL says redis://
	Files     secret.TLSFiles
	Sentinels Sentinels
	Cluster   bool // the URL names a node of a Redis Cluster
	// Current returns the options that are valid now, if they may change. It is called
	// for each new connection to Redis, which uses their user and password. It is nil
	// if they never change.
	Current func() Options
}

// target reads the URL, adds the other options, and reports what does not fit together.
// TLS that is asked for is used, or the options are refused.
func (o Options) target() (target, error) {
	t, err := parseURL(o.URL, o.Cluster)
	if err != nil {
		return t, err
	}
	t.tls = t.tls || o.SSL
	t.username = cmp.Or(o.Username, t.username)
	t.secrets = []secret.Text{t.password, o.Password, o.Sentinels.Password}
	if !o.Password.Empty() {
		t.password = o.Password
	}
	sentinel := len(o.Sentinels.Hosts) > 0
	switch {
	case t.network == "unix" && (o.SSL || sentinel || o.Cluster):
		return t, errors.New("unix:// can't be used with TLS, Sentinel or Cluster")
	case sentinel && o.Cluster:
		return t, errors.New("names a Cluster's node, but Sentinels are given too: use one of the two")
	case o.Sentinels.TLS && !t.tls:
		return t, errors.New("says redis://, but the Sentinels' hosts say rediss://: use rediss:// here, too")
	case !t.tls && !o.Files.Empty():
		return t, errors.New("asks for no TLS, but REDIS_CA_FILE, REDIS_CLIENT_CERT or REDIS_PRIVATE_KEY is given:" +
			" use rediss:// or REDIS_SSL=1, or remove these")
	}
	if _, err := o.Files.Load(); err != nil {
		return t, err
	}
	return t, nil
}

// Address is the address of Redis without user and password, for people to read and for
// comparisons. If two addresses differ, they mean different servers or databases. It is
// empty if the options can't be used.
func (o Options) Address() string {
	t, err := o.target()
	if err != nil {
		return ""
	}
	scheme := map[bool]string{true: "rediss", false: "redis"}[t.tls]
	addr := strings.Join(append([]string{t.addr}, t.others...), ",")
	switch {
	case t.network == "unix":
		return fmt.Sprintf("unix://%s?db=%d", t.addr, t.db)
	case len(o.Sentinels.Hosts) > 0:
		return fmt.Sprintf("%s://%s/%d of Sentinels %s", scheme, masterName(t), t.db, strings.Join(o.Sentinels.Hosts, ","))
	case o.Cluster:
		return fmt.Sprintf("%s://%s (Cluster)", scheme, addr)
	}
	return fmt.Sprintf("%s://%s/%d", scheme, addr, t.db)
}

// masterName is the host of a URL that is used with Sentinels.
func masterName(t target) string {
	name, _, _ := net.SplitHostPort(t.addr) // the library has added a port
	return name
}

// Open prepares a client. It does not connect yet, so the error is about the options
// only. It quotes nothing of the URL, which may have a password in it. The client's
// calls return a [*Error], or [redis.Nil] if a key does not exist.
func Open(o Options) (redis.UniversalClient, error) {
	t, err := o.target()
	if err != nil {
		return nil, err
	}
	words := &translator{tls: t.tls, scrub: secret.NewScrubber(t.secrets...)}
	d := dialer{tls: t.tls, files: o.Files, errors: &words.dials}
	all := universal(o, t)
	all.Dialer = d.dial
	if o.Current != nil {
		all.CredentialsProviderContext = func(context.Context) (string, string, error) { return current(o, words) }
	}
	switch {
	case o.Cluster:
		return openCluster(all, words), nil
	case len(o.Sentinels.Hosts) > 0:
		words.master = all.MasterName
		return hooked(redis.NewFailoverClient(all.Failover()), words), nil
	}
	simple := all.Simple()
	simple.Network = t.network
	return hooked(redis.NewClient(simple), words), nil
}

// universal returns the options that every kind of client has.
func universal(o Options, t target) *redis.UniversalOptions {
	all := &redis.UniversalOptions{
		Addrs:            append([]string{t.addr}, t.others...),
		DB:               t.db,
		Username:         t.username,
		Password:         t.password.Reveal(),
		SentinelUsername: o.Sentinels.Username,
		SentinelPassword: o.Sentinels.Password.Reveal(),
		IsClusterMode:    o.Cluster,
		// Without it, a context does not limit a call.
		ContextTimeoutEnabled: true,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           callTimeout,
		WriteTimeout:          callTimeout,
		PoolSize:              8,
		MaxRetries:            1,
		ConnMaxIdleTime:       5 * time.Minute,
		// A feature of one vendor's cloud. Elsewhere it costs one call for each
		// connection.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if len(o.Sentinels.Hosts) > 0 {
		all.Addrs = o.Sentinels.Hosts
		all.MasterName = masterName(t)
	}
	return all
}

// current returns the user and password that are valid now. The error quotes neither.
func current(o Options, words *translator) (username, password string, err error) {
	now := o.Current()
	now.Current = nil
	t, err := now.target()
	if err != nil {
		return "", "", fmt.Errorf("read Redis's options again: %w", err)
	}
	words.scrub.Know(t.secrets...)
	return t.username, t.password.Reveal(), nil
}

func hooked(client *redis.Client, words *translator) *redis.Client {
	client.AddHook(hook{translator: words})
	return client
}

// clusterReload is the largest age of a client's map of the Cluster. The next call
// renews it, so a failover costs one or two calls. The library's default of a minute
// would cost the leadership.
const clusterReload = 2 * time.Second

// openCluster finds the Cluster through any node in the URL: its host, or those in the
// parameters addr.
func openCluster(all *redis.UniversalOptions, words *translator) *redis.ClusterClient {
	cluster := all.Cluster()
	cluster.ClusterStateReloadInterval = clusterReload
	client := redis.NewClusterClient(cluster)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(hook{translator: words, nodeOnly: true}) })
	client.AddHook(hook{translator: words})
	return client
}
