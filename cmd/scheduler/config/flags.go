package config

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// ErrHelp is returned after --help was given and its text was printed.
var ErrHelp = errors.New("help was asked for")

// Flags are the command line before validation. Values stay text, so that all that
// is wrong with them can be reported at once. The tag "var" names the flag's
// variable. With "file" the variable has a twin that ends in _FILE. With "empty" an
// empty variable counts as set.
type Flags struct {
	DatabaseURL     string `group:"Porta's database" var:"DATABASE_URL" file:"" placeholder:"URL" help:"Where Porta's tables are: mysql2://user:password@host:port/database. Required."`
	DatabaseSSLMode string `group:"Porta's database" name:"database-ssl-mode" var:"DATABASE_SSL_MODE" placeholder:"MODE" help:"disabled, required, verify_ca or verify_identity (default: verify_identity where a CA is given, else disabled)."`
	DatabaseSSLCA   string `group:"Porta's database" name:"database-ssl-ca" var:"DATABASE_SSL_CA" placeholder:"FILE" help:"CA certificate, PEM."`
	DatabaseSSLCert string `group:"Porta's database" name:"database-ssl-cert" var:"DATABASE_SSL_CERT" placeholder:"FILE" help:"Client certificate, PEM."`
	DatabaseSSLKey  string `group:"Porta's database" name:"database-ssl-key" var:"DATABASE_SSL_KEY" placeholder:"FILE" help:"Key of the client certificate, PEM."`

	RedisURL              string `group:"Redis" var:"REDIS_URL" file:"" placeholder:"URL" help:"redis://, rediss:// or unix://; with Sentinel the host is the master's name. Required."`
	RedisUsername         string `group:"Redis" var:"REDIS_USERNAME" placeholder:"NAME" help:"ACL user, in place of the URL's."`
	RedisPassword         string `group:"Redis" var:"REDIS_PASSWORD" file:"" placeholder:"TEXT" help:"Password, in place of the URL's."`
	RedisSentinelHosts    string `group:"Redis" var:"REDIS_SENTINEL_HOSTS" file:"" placeholder:"HOSTS" help:"Sentinels, separated by commas: host, host:port or redis://:password@host:port, as Porta reads them (default port: 26379)."`
	RedisSentinelRole     string `group:"Redis" var:"REDIS_SENTINEL_ROLE" placeholder:"ROLE" help:"Must be master, since leases are written."`
	RedisSentinelUsername string `group:"Redis" var:"REDIS_SENTINEL_USERNAME" placeholder:"NAME" help:"ACL user of the Sentinels."`
	RedisSentinelPassword string `group:"Redis" var:"REDIS_SENTINEL_PASSWORD" file:"" placeholder:"TEXT" help:"Password of the Sentinels."`
	RedisCluster          bool   `group:"Redis" var:"REDIS_CLUSTER" help:"The URL names a node of a Redis Cluster; ?addr=host:port&addr=… names further nodes."`
	RedisSSL              bool   `group:"Redis" name:"redis-ssl" var:"REDIS_SSL" help:"Speak TLS although the URL says redis://, as Porta does with REDIS_SSL=1."`
	RedisCAFile           string `group:"Redis" name:"redis-ca-file" var:"REDIS_CA_FILE" placeholder:"FILE" help:"CA certificate for rediss://, PEM."`
	RedisClientCert       string `group:"Redis" var:"REDIS_CLIENT_CERT" placeholder:"FILE" help:"Client certificate for rediss://, PEM."`
	RedisPrivateKey       string `group:"Redis" var:"REDIS_PRIVATE_KEY" placeholder:"FILE" help:"Key of the client certificate, PEM."`

	ZyncEndpoint            string `group:"Zync and Porta" var:"ZYNC_ENDPOINT" placeholder:"URL" help:"Zync's base URL. Required."`
	ZyncAuthenticationToken string `group:"Zync and Porta" var:"ZYNC_AUTHENTICATION_TOKEN" file:"" placeholder:"TEXT" help:"The credential that Zync expects from Porta. If it is empty, none is sent."`
	PushConcurrency         string `group:"Zync and Porta" var:"PUSH_CONCURRENCY" default:"3" placeholder:"N" help:"Pushes to Zync at a time (default: ${default}; more than 4 do not help one Zync pod), or auto to find the best number."`
	PushRate                string `group:"Zync and Porta" var:"PUSH_RATE" default:"0" placeholder:"N" help:"Pushes to Zync a second at most; 0 for no limit (default: ${default})."`
	RetryFor                string `group:"Zync and Porta" var:"RETRY_FOR" default:"10m" placeholder:"TIME" help:"With --run-once: how long temporary failures are retried (default: ${default}). The daemon retries until the window ends."`
	Verify                  string `group:"Zync and Porta" var:"VERIFY" default:"canary" placeholder:"MODE" help:"canary: use the first token of a run on Porta before any token is pushed. off: do not (default: ${default})."`
	PortaEndpoint           string `group:"Zync and Porta" var:"PORTA_ENDPOINT" placeholder:"URL" help:"Where the canary and the gateway ask: Porta's URL inside the cluster. The tenant's host is sent in X-Forwarded-Host (default: the tenant's own host)."`
	TenantEndpoint          string `group:"Zync and Porta" var:"TENANT_ENDPOINT" default:"https://{self_domain}/" placeholder:"URL" help:"A tenant's endpoint as Porta gives it to Zync, with {self_domain} for the tenant's host. Set it where Porta has a root_url or substitutes domains (default: ${default})."`
	GatewayListen           string `group:"Zync and Porta" var:"GATEWAY_LISTEN_ADDRESS" placeholder:"ADDR" help:"Address of the gateway, through which Zync reads Porta; see docs/gateway.md. Needs PORTA_ENDPOINT and ZYNC_AUTHENTICATION_TOKEN (default: no gateway)."`
	Push                    string `group:"Zync and Porta" var:"PUSH" default:"token" placeholder:"WHAT" help:"token: push a live token for each tenant. placeholder: push the text zync in place of tokens, while Zync reads Porta through a gateway (default: ${default})."`
	ZyncCAFile              string `group:"Zync and Porta" name:"zync-ca-file" var:"ZYNC_CA_FILE" placeholder:"FILE" help:"CA certificate of a Zync on https://, PEM (default: the system's authorities)."`
	PortaCAFile             string `group:"Zync and Porta" name:"porta-ca-file" var:"PORTA_CA_FILE" placeholder:"FILE" help:"CA certificate of a Porta on https://, PEM (default: the system's authorities)."`
	Proxy                   string `group:"Zync and Porta" var:"PROXY" default:"none" placeholder:"MODE" help:"environment: reach Zync and Porta through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name; for http:// it sees tokens and credential. none: use no proxy (default: ${default})."`
	ImpersonationAdmin      string `group:"Zync and Porta" name:"impersonation-admin-username" var:"IMPERSONATION_ADMIN_USERNAME" default:"3scaleadmin" placeholder:"NAME" help:"User who owns a tenant's sync token. If a tenant has no such user, its first admin does (default: ${default})."`

	RotateSchedule  string `group:"Schedule" var:"ROTATE_SCHEDULE" default:"0 * * * *" placeholder:"CRON" help:"When tokens are rotated (default: ${default})."`
	JanitorSchedule string `group:"Schedule" var:"JANITOR_SCHEDULE" default:"0 0 * * 0" placeholder:"CRON" help:"When stale tokens are purged (default: ${default})."`
	Timezone        string `group:"Schedule" var:"SCHEDULE_TIMEZONE" default:"UTC" placeholder:"ZONE" help:"Time zone of the schedules (default: ${default})."`
	TokenTTL        string `group:"Schedule" name:"token-ttl" var:"TOKEN_TTL" default:"24h" placeholder:"TIME" help:"How long a token lives; at least twice the rotation interval (default: ${default})."`

	Listen        string `group:"Operation" var:"LISTEN_ADDRESS" empty:"" default:":9395" placeholder:"ADDR" help:"Address of the status page, /status, /metrics, /healthz and /readyz; empty for none (default: ${default})."`
	WebConfigFile string `group:"Operation" var:"WEB_CONFIG_FILE" placeholder:"FILE" help:"TLS and basic authentication for --listen, in the file format of Prometheus's exporters."`
	LogFormat     string `group:"Operation" var:"LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"text (logfmt) or json (default: ${default})."`
	LogLevel      string `group:"Operation" var:"LOG_LEVEL" file:"" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error (default: ${default}). SIGHUP reads it again from its file, and the secrets too."`
	Name          string `group:"Operation" var:"SCHEDULER_NAME" default:"default" placeholder:"NAME" help:"Name of the installation. Several installations on one Redis need different names (default: ${default})."`
	ShutdownGrace string `group:"Operation" var:"SHUTDOWN_GRACE" default:"25s" placeholder:"TIME" help:"How long running work may take to finish after SIGTERM or SIGINT (default: ${default})."`

	MetricsFile string `group:"Operation" var:"METRICS_FILE" placeholder:"FILE" help:"Write the metrics to this file after a run, and every 15 seconds in the daemon, for node_exporter's textfile collector. Name it *.prom. A run of one task keeps what the file has of the other task."`
	PingURL     string `group:"Operation" name:"ping-url" var:"PING_URL" file:"" placeholder:"URL" help:"GET this URL after each run that reached everyone, and the URL with /fail appended after any other, for services such as healthchecks.io. Runs with --tenant or --dry-run send nothing."`

	RunOnce  bool     `group:"By hand" help:"Run the tasks once, now, and exit."`
	Task     []string `group:"By hand" placeholder:"TASK" help:"With --run-once: rotate or janitor; repeatable (default: both, in that order)."`
	Tenant   []string `group:"By hand" placeholder:"ID" help:"With rotate: only the tenant with this account id; repeatable. With --status: everything that is known about this tenant."`
	Force    bool     `group:"By hand" help:"With rotate: also tenants that were already served in this window."`
	Revoke   bool     `group:"By hand" help:"With rotate, after a leak: rotate everyone now (implies --force), and expire a tenant's older sync tokens as soon as its new one is delivered. Flush Porta's cache first: Porta keeps a token for up to an hour and may push it again after it has expired."`
	DryRun   bool     `group:"By hand" help:"With --run-once: report what would be done, and write nothing."`
	Wait     string   `group:"By hand" default:"0s" placeholder:"TIME" help:"With --run-once: how long to wait while another run of the task is at work (default: ${default})."`
	TakeOver bool     `group:"By hand" help:"Make the keys on Redis belong to this Porta, and forget what they say about the other Porta's tenants. For a Porta that was renamed or restored elsewhere. Refused while a scheduler of the other Porta is at work."`
	Quiet    bool     `group:"By hand" help:"With --run-once: print and log nothing unless something needs attention. For cron, which mails all output."`
	Report   string   `group:"By hand" default:"text" placeholder:"FORMAT" help:"With --run-once, --check or --status: text or json, on standard output (default: ${default})."`

	Check       bool `group:"Looking" help:"Test configuration, MySQL, Redis, Zync and Porta; print one line for each test and exit: 0, or 1 if a test failed. Changes nothing."`
	Status      bool `group:"Looking" help:"Print the leader, the last runs, the next firings, and the tenants that fail or are at risk, and exit: 0 all is well, 1 there is a problem, 3 nobody knows because Redis does not answer. Needs only Redis; with DATABASE_URL it also shows hosts."`
	History     bool `group:"Looking" help:"With --status: list the last runs."`
	Healthcheck bool `group:"Looking" help:"Ask the daemon on this machine for /healthz at --listen, and exit with 0 or 1. For a container's HEALTHCHECK."`
	Version     bool `help:"Print the version and exit."`

	problems []string // with the files that variables name
	files    files    // that were read
}

const description = `Gives Zync a working sync token for every 3scale tenant.

Without --run-once it is a daemon. One daemon leads: it rotates every token each hour and purges stale tokens each week. The others stand by. A flag overrides its variable, and the variable overrides the default. A variable that holds a secret has a twin ending in _FILE, which names a file with the value.

Exit codes: 0 done, 1 something failed, 2 bad flags or configuration, 3 --status can't tell because Redis does not answer, 75 another run of the task is at work.`

// Parse reads the command line and the environment. It does not check values; see
// [Flags.Config]. It prints the help to stdout if that was asked for, and then
// returns [ErrHelp].
func Parse(args, environ []string, stdout io.Writer) (Flags, error) {
	var f Flags
	env := environment{vars: map[string]string{}, files: files{}}
	for _, pair := range environ {
		if name, value, found := strings.Cut(pair, "="); found {
			env.vars[name] = value
		}
	}
	helped := false
	parser, err := newParser(&f, &env, stdout, func(int) { helped = true })
	if err != nil {
		return f, err
	}
	_, err = parser.Parse(args)
	if helped {
		return f, ErrHelp
	}
	if err != nil {
		return f, fmt.Errorf("%w (--help lists the flags)", err)
	}
	f.problems, f.files = env.problems, env.files
	return f, nil
}

func newParser(f *Flags, env *environment, stdout io.Writer, exit func(int)) (*kong.Kong, error) {
	parser, err := kong.New(f,
		kong.Name("scheduler"),
		kong.Description(description),
		kong.Writers(stdout, io.Discard),
		kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.ValueFormatter(helpText),
		kong.Resolvers(env),
	)
	if err == nil {
		parser.Model.HelpFlag.Help = "Print this text and exit."
	}
	return parser, err
}

// helpText adds the variables to a flag's help.
func helpText(value *kong.Value) string {
	name := value.Tag.Get("var")
	if name == "" {
		return value.Help
	}
	if value.Tag.Has("file") {
		return fmt.Sprintf("%s [%s, %s_FILE]", value.Help, name, name)
	}
	return fmt.Sprintf("%s [%s]", value.Help, name)
}
