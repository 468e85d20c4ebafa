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

// Options describe Redis by the names that Porta gives to its own settings.
type Options struct {
	URL       secret.Text // redis://, rediss:// or unix://; with Sentinel its host is the master's name
	Username  string      // overrides the URL's
	Password  secret.Text
	SSL       bool // TLS though the URL says redis://
	Files     secret.TLSFiles
	Sentinels Sentinels
	Cluster   bool // the URL names a node of a Redis Cluster
	// Current are the options as they are now, where those may change: they are
	// asked for each new connection to Redis, and their user and password are
	// used. Nil where what stands above is all.
	Current func() Options
}

// target reads the URL, with what the other options add to it, and says what does
// not go together. TLS that is asked for is done or refused.
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
		return t, errors.New("unix:// goes with neither TLS nor Sentinel nor Cluster")
	case sentinel && o.Cluster:
		return t, errors.New("names a Cluster's node, yet Sentinels are given: use one of the two")
	case o.Sentinels.TLS && !t.tls:
		return t, errors.New("says redis://, yet the Sentinels' hosts say rediss://: use rediss:// here, too")
	case !t.tls && !o.Files.Empty():
		return t, errors.New("asks for no TLS, yet REDIS_CA_FILE, REDIS_CLIENT_CERT or REDIS_PRIVATE_KEY is given:" +
			" use rediss:// or REDIS_SSL=1, or take those away")
	}
	if _, err := o.Files.Load(); err != nil {
		return t, err
	}
	return t, nil
}

// Address names the Redis of the options, without user and password, for people to
// read and to compare: where it differs, another server or database is meant. It is
// empty where the options can't be used.
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

// masterName is the host of a URL that goes with Sentinels.
func masterName(t target) string {
	name, _, _ := net.SplitHostPort(t.addr) // the library has added a port
	return name
}

// Open prepares a client. It connects to nothing yet: the error is about the
// options alone, and holds no part of the URL, which may hold a password. What the
// client's calls return is a [*Error], or [redis.Nil] where a key does not exist.
func Open(o Options) (redis.UniversalClient, error) {
	t, err := o.target()
	if err != nil {
		return nil, err
	}
	words := &translator{tls: t.tls}
	words.scrub.know(t.secrets...)
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

// universal are the options of every kind of client.
func universal(o Options, t target) *redis.UniversalOptions {
	all := &redis.UniversalOptions{
		Addrs:            append([]string{t.addr}, t.others...),
		DB:               t.db,
		Username:         t.username,
		Password:         t.password.Reveal(),
		SentinelUsername: o.Sentinels.Username,
		SentinelPassword: o.Sentinels.Password.Reveal(),
		IsClusterMode:    o.Cluster,
		// Without it a context bounds no call.
		ContextTimeoutEnabled: true,
		DialTimeout:           dialTimeout,
		DialerRetries:         1,
		ReadTimeout:           callTimeout,
		WriteTimeout:          callTimeout,
		PoolSize:              8,
		MaxRetries:            1,
		ConnMaxIdleTime:       5 * time.Minute,
		// A feature of one vendor's cloud; elsewhere it costs a call a connection.
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if len(o.Sentinels.Hosts) > 0 {
		all.Addrs = o.Sentinels.Hosts
		all.MasterName = masterName(t)
	}
	return all
}

// current are the user and password in force. The error quotes neither.
func current(o Options, words *translator) (username, password string, err error) {
	now := o.Current()
	now.Current = nil
	t, err := now.target()
	if err != nil {
		return "", "", fmt.Errorf("read Redis's options anew: %w", err)
	}
	words.scrub.know(t.secrets...)
	return t.username, t.password.Reveal(), nil
}

func hooked(client *redis.Client, words *translator) *redis.Client {
	client.AddHook(hook{translator: words})
	return client
}

// clusterReload is how old a client's map of the Cluster may be. It is made anew
// by the next call, so a failover costs a call or two; the library's own minute
// would cost the leadership.
const clusterReload = 2 * time.Second

// openCluster finds the Cluster by any node that the URL names: its host, or those
// of the parameters addr.
func openCluster(all *redis.UniversalOptions, words *translator) *redis.ClusterClient {
	cluster := all.Cluster()
	cluster.ClusterStateReloadInterval = clusterReload
	client := redis.NewClusterClient(cluster)
	client.OnNewNode(func(node *redis.Client) { node.AddHook(hook{translator: words, nodeOnly: true}) })
	client.AddHook(hook{translator: words})
	return client
}
