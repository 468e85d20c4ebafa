package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tasks"
	"github.com/token-scheduler/token-scheduler/zync"
)

// Config validates the flags. The error is of type [Problems] and names all that is
// wrong.
func (f Flags) Config() (Config, error) {
	problems := Problems(slices.Clone(f.problems))
	cfg := Config{Name: f.Name, files: f.files}
	for _, check := range []func(*Problems, *Config){
		f.checkDatabase, f.checkRedis, f.checkZync, f.checkPorta, f.checkGateway, f.checkSchedule, f.checkOperation, f.checkByHand,
	} {
		check(&problems, &cfg)
	}
	return cfg, problems.err()
}

func (f Flags) checkZync(p *Problems, cfg *Config) {
	const setting = "--zync-endpoint (ZYNC_ENDPOINT)"
	cfg.Zync = Zync{
		Endpoint: f.ZyncEndpoint, Token: secret.New(f.ZyncAuthenticationToken),
		Files: p.authority("--zync-ca-file (ZYNC_CA_FILE)", f.ZyncCAFile, f.ZyncEndpoint),
	}
	if f.ZyncEndpoint != "" {
		p.httpURL(setting, f.ZyncEndpoint)
	} else if !f.Status && !f.Healthcheck {
		p.missing(setting)
	}
	if strings.ContainsAny(f.ZyncAuthenticationToken, "\"\r\n\\") {
		p.add("--zync-authentication-token (ZYNC_AUTHENTICATION_TOKEN)", errors.New("holds a quote, backslash or line break"))
	}
	if f.PushConcurrency != "auto" {
		n, err := strconv.Atoi(f.PushConcurrency)
		if err != nil || n < 1 || n > 256 {
			p.add("--push-concurrency (PUSH_CONCURRENCY)", fmt.Errorf("%q is not a number from 1 to 256, nor auto", f.PushConcurrency))
		}
		cfg.Zync.Concurrency = n
	}
	rate, err := strconv.ParseFloat(f.PushRate, 64)
	if err != nil || !(rate == 0 || (rate >= 0.01 && rate <= 1e6)) {
		p.add("--push-rate (PUSH_RATE)", fmt.Errorf("%q is not 0, nor a number from 0.01 to 1000000", f.PushRate))
	}
	cfg.Zync.Rate = rate
	cfg.Zync.Placeholder = f.Push == "placeholder"
	p.oneOf("--push (PUSH)", f.Push, "token", "placeholder")
	cfg.Zync.RetryFor = p.duration("--retry-for (RETRY_FOR)", f.RetryFor, time.Second)
}

func (f Flags) checkPorta(p *Problems, cfg *Config) {
	cfg.Porta = Porta{ImpersonationAdmin: f.ImpersonationAdmin, Endpoint: f.PortaEndpoint, Verify: f.Verify == "canary"}
	if f.PortaEndpoint != "" {
		p.httpURL("--porta-endpoint (PORTA_ENDPOINT)", f.PortaEndpoint)
	}
	p.oneOf("--verify (VERIFY)", f.Verify, "canary", "off")
	var err error
	if cfg.Porta.Tenants, err = zync.ParseEndpoint(f.TenantEndpoint); err != nil {
		p.add("--tenant-endpoint (TENANT_ENDPOINT)", err)
	}
	cfg.Porta.Files = p.authority("--porta-ca-file (PORTA_CA_FILE)", f.PortaCAFile, cmp.Or(f.PortaEndpoint, f.TenantEndpoint))
	cfg.Proxy = f.Proxy == "environment"
	p.oneOf("--proxy (PROXY)", f.Proxy, "none", "environment")
}

func (f Flags) checkSchedule(p *Problems, cfg *Config) {
	const rotate, ttl = "--rotate-schedule (ROTATE_SCHEDULE)", "--token-ttl (TOKEN_TTL)"
	location, err := time.LoadLocation(f.Timezone)
	if err != nil || f.Timezone == "Local" {
		p.add("--timezone (SCHEDULE_TIMEZONE)", fmt.Errorf("no time zone %q; want a name such as UTC or Europe/Berlin", f.Timezone))
		location = time.UTC
	}
	s := &cfg.Schedule
	s.Timezone = location
	if s.Janitor, err = tasks.ParseSchedule(f.JanitorSchedule, location); err != nil {
		p.add("--janitor-schedule (JANITOR_SCHEDULE)", err)
	}
	s.TokenTTL = p.duration(ttl, f.TokenTTL, time.Second)
	if s.TokenTTL%time.Second != 0 {
		p.add(ttl, errors.New("must be whole seconds, as Porta's columns are"))
	}
	if s.Rotate, err = tasks.ParseSchedule(f.RotateSchedule, location); err != nil {
		p.add(rotate, err)
		return
	}
	if longest := s.Rotate.LongestGap(time.Now()); s.TokenTTL > 0 && s.TokenTTL < 2*longest {
		p.add(ttl, fmt.Errorf("%s is less than twice the longest time between two rotations, %s", f.TokenTTL, longest))
	}
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func (f Flags) checkOperation(p *Problems, cfg *Config) {
	cfg.Listen.Address, cfg.Listen.WebConfig = f.Listen, f.WebConfigFile
	if f.Listen != "" {
		p.address("--listen (LISTEN_ADDRESS)", f.Listen)
	}
	if f.Healthcheck && f.Listen == "" {
		p.add("--healthcheck", errors.New("there is nothing to ask: --listen (LISTEN_ADDRESS) is empty"))
	}
	if err := web.Validate(f.WebConfigFile); err != nil {
		p.add("--web-config-file (WEB_CONFIG_FILE)", err)
	}
	cfg.Log.JSON = f.LogFormat == "json"
	p.oneOf("--log-format (LOG_FORMAT)", f.LogFormat, "text", "json")
	p.oneOf("--log-level (LOG_LEVEL)", strings.ToLower(f.LogLevel), "debug", "info", "warn", "error")
	_ = cfg.Log.Level.UnmarshalText([]byte(f.LogLevel)) // checked above
	cfg.MetricsFile, cfg.PingURL = f.MetricsFile, secret.New(f.PingURL)
	if f.PingURL != "" {
		p.httpURL("--ping-url (PING_URL)", f.PingURL)
	}
	if f.Quiet {
		cfg.Log.Level = max(cfg.Log.Level, slog.LevelWarn)
	}
	if !namePattern.MatchString(f.Name) {
		p.add("--name (SCHEDULER_NAME)", errors.New("want 1 to 100 letters, digits, dots, hyphens or underscores"))
	}
	cfg.ShutdownGrace = p.duration("--shutdown-grace (SHUTDOWN_GRACE)", f.ShutdownGrace, 0)
}
