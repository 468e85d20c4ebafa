package main

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
)

func (f flags) checkStores(c *checker, cfg *config) {
	cfg.database = db.Options{
		URL: secret.New(f.DatabaseURL),
		SSL: db.SSL{Mode: f.DatabaseSSLMode, CA: f.DatabaseSSLCA, Cert: f.DatabaseSSLCert, Key: f.DatabaseSSLKey},
	}
	if f.needs(f.DatabaseURL, !f.Status) && c.require("--database-url (DATABASE_URL)", f.DatabaseURL) {
		if _, err := db.ParseURL(cfg.database.URL); err != nil {
			c.bad("--database-url (DATABASE_URL)", err)
		}
	}
	if err := cfg.database.CheckTLS(); err != nil {
		c.bad("--database-ssl-… (DATABASE_SSL_…)", err)
	}
	cfg.redis = locks.Options{
		URL: f.RedisURL, Username: f.RedisUsername, Password: f.RedisPassword,
		SentinelHosts:    f.sentinels(c),
		SentinelUsername: f.RedisSentinelUsername, SentinelPassword: f.RedisSentinelPassword,
		CA: f.RedisCAFile, Cert: f.RedisClientCert, Key: f.RedisPrivateKey, Cluster: f.RedisCluster,
	}
	if f.needs(f.RedisURL, true) && c.require("--redis-url (REDIS_URL)", f.RedisURL) {
		if client, err := locks.Open(cfg.redis); err != nil {
			c.bad("--redis-url (REDIS_URL)", err)
		} else {
			_ = client.Close()
		}
	}
	if f.RedisSentinelRole != "" {
		c.oneOf("--redis-sentinel-role (REDIS_SENTINEL_ROLE)", f.RedisSentinelRole, "master")
	}
}

// needs tells whether a value must be looked at: one that is given always, and one
// that is not where what was asked for can't do without.
func (f flags) needs(value string, asked bool) bool {
	return value != "" || (asked && !f.Healthcheck)
}

// sentinels reads the list as Porta does: hosts with or without a scheme, the
// port 26379 where none is given.
func (f flags) sentinels(c *checker) []string {
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
			c.bad("--redis-sentinel-hosts (REDIS_SENTINEL_HOSTS)",
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

func (f flags) checkZync(c *checker, cfg *config) {
	if f.needs(f.ZyncEndpoint, !f.Status) && c.require("--zync-endpoint (ZYNC_ENDPOINT)", f.ZyncEndpoint) {
		c.httpURL("--zync-endpoint (ZYNC_ENDPOINT)", f.ZyncEndpoint)
	}
	if strings.ContainsAny(f.ZyncAuthenticationToken, "\"\r\n\\") {
		c.bad("--zync-authentication-token (ZYNC_AUTHENTICATION_TOKEN)", errors.New("holds a quote, backslash or line break"))
	}
	if f.PortaEndpoint != "" {
		c.httpURL("--porta-endpoint (PORTA_ENDPOINT)", f.PortaEndpoint)
	}
	c.oneOf("--verify (VERIFY)", f.Verify, "canary", "off")
	if f.PushConcurrency != "auto" {
		n, err := strconv.Atoi(f.PushConcurrency)
		if err != nil || n < 1 || n > 256 {
			c.bad("--push-concurrency (PUSH_CONCURRENCY)", fmt.Errorf("%q is not a number from 1 to 256, nor auto", f.PushConcurrency))
		}
		cfg.pushConcurrency = n
	}
	rate, err := strconv.ParseFloat(f.PushRate, 64)
	if err != nil || !(rate == 0 || (rate >= 0.01 && rate <= 1e6)) {
		c.bad("--push-rate (PUSH_RATE)", fmt.Errorf("%q is not 0, nor a number from 0.01 to 1000000", f.PushRate))
	}
	cfg.pushRate = rate
	cfg.retryFor = c.duration("--retry-for (RETRY_FOR)", f.RetryFor, time.Second)
}

func (f flags) checkSchedule(c *checker, cfg *config) {
	location, err := time.LoadLocation(f.Timezone)
	if err != nil || f.Timezone == "Local" {
		c.bad("--timezone (SCHEDULE_TIMEZONE)", fmt.Errorf("no time zone %q; want a name such as UTC or Europe/Berlin", f.Timezone))
		location = time.UTC
	}
	cfg.timezone = location
	if cfg.janitor, err = tasks.ParseSchedule(f.JanitorSchedule, location); err != nil {
		c.bad("--janitor-schedule (JANITOR_SCHEDULE)", err)
	}
	cfg.tokenTTL = c.duration("--token-ttl (TOKEN_TTL)", f.TokenTTL, time.Second)
	if cfg.tokenTTL%time.Second != 0 {
		c.bad("--token-ttl (TOKEN_TTL)", errors.New("must be whole seconds: Porta's columns hold no less"))
	}
	if cfg.rotate, err = tasks.ParseSchedule(f.RotateSchedule, location); err != nil {
		c.bad("--rotate-schedule (ROTATE_SCHEDULE)", err)
		return
	}
	if longest := cfg.rotate.LongestWindow(time.Now()); cfg.tokenTTL > 0 && cfg.tokenTTL < 2*longest {
		c.bad("--token-ttl (TOKEN_TTL)", fmt.Errorf(
			"%s is less than twice the longest time between two rotations, %s", f.TokenTTL, longest))
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func (f flags) checkOperation(c *checker, cfg *config) {
	if f.Listen != "" {
		if _, port, err := net.SplitHostPort(f.Listen); err != nil || port == "" {
			c.bad("--listen (LISTEN_ADDRESS)", errors.New("want host:port or :port"))
		}
	}
	if err := web.Validate(f.WebConfigFile); err != nil {
		c.bad("--web-config-file (WEB_CONFIG_FILE)", err)
	}
	c.oneOf("--log-format (LOG_FORMAT)", f.LogFormat, "text", "json")
	c.oneOf("--log-level (LOG_LEVEL)", strings.ToLower(f.LogLevel), "debug", "info", "warn", "error")
	_ = cfg.logLevel.UnmarshalText([]byte(f.LogLevel)) // checked above
	if !namePattern.MatchString(f.Name) {
		c.bad("--name (SCHEDULER_NAME)", errors.New("want 1 to 100 letters, digits, dots, hyphens or underscores"))
	}
	cfg.shutdownGrace = c.duration("--shutdown-grace (SHUTDOWN_GRACE)", f.ShutdownGrace, 0)
}

func (f flags) checkByHand(c *checker, cfg *config) {
	if !f.RunOnce {
		for flag, given := range map[string]bool{
			"--task": len(f.Task) > 0, "--tenant": len(f.Tenant) > 0, "--force": f.Force, "--revoke": f.Revoke, "--dry-run": f.DryRun,
		} {
			if given {
				c.bad(flag, errors.New("only with --run-once"))
			}
		}
	}
	cfg.tasks = []string{tasks.Rotate, tasks.Janitor}
	for _, task := range f.Task {
		c.oneOf("--task", task, cfg.tasks...)
	}
	if len(f.Task) > 0 {
		cfg.tasks = slices.DeleteFunc(cfg.tasks, func(task string) bool { return !slices.Contains(f.Task, task) })
	}
	for _, text := range f.Tenant {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			c.bad("--tenant", fmt.Errorf("%q is not an account id", text))
		} else if !slices.Contains(cfg.tenants, id) {
			cfg.tenants = append(cfg.tenants, id)
		}
	}
	for flag, given := range map[string]bool{"--tenant": len(f.Tenant) > 0, "--force": f.Force, "--revoke": f.Revoke} {
		if given && !slices.Contains(cfg.tasks, tasks.Rotate) {
			c.bad(flag, errors.New("only with the task rotate"))
		}
	}
	cfg.wait = c.duration("--wait", f.Wait, 0)
	c.oneOf("--report", f.Report, "text", "json")
}
