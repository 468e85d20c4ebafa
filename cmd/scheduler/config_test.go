package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// usable are the variables that the program can't do without.
func usable(more ...string) []string {
	return append([]string{
		"DATABASE_URL=mysql2://porta:p%40ss@db/porta", "REDIS_URL=redis://redis/1", "ZYNC_ENDPOINT=http://zync:8080",
	}, more...)
}

func parse(t *testing.T, args, environ []string) (config, error) {
	t.Helper()
	f, err := parseFlags(args, environ, &bytes.Buffer{})
	if err != nil {
		return config{}, err
	}
	return f.config()
}

func TestDefaults(t *testing.T) {
	cfg, err := parse(t, nil, usable("LISTEN_ADDRESS_=x"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.rotate.String() != "0 * * * *" || cfg.janitor.String() != "0 0 * * 0" || cfg.tokenTTL != 24*time.Hour ||
		cfg.pushConcurrency != 3 || !cfg.verify || cfg.listen != ":9395" || cfg.impersonation != "3scaleadmin" ||
		cfg.name != "default" || cfg.logJSON || cfg.retryFor != 10*time.Minute || cfg.shutdownGrace != 25*time.Second ||
		len(cfg.tasks) != 2 || cfg.timezone != time.UTC {
		t.Errorf("defaults are %+v", cfg)
	}
}

func TestFlagBeforeVariableBeforeDefault(t *testing.T) {
	cfg, err := parse(t, []string{"--token-ttl=48h", "--run-once", "--task=rotate", "--tenant=3", "--tenant=3,5"},
		usable("TOKEN_TTL=72h", "PUSH_CONCURRENCY=7", "VERIFY=", "LISTEN_ADDRESS="))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.tokenTTL != 48*time.Hour || cfg.pushConcurrency != 7 || !cfg.verify || cfg.listen != "" ||
		len(cfg.tasks) != 1 || len(cfg.tenants) != 2 {
		t.Errorf("got %+v", cfg)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from the file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse(t, nil, usable("ZYNC_AUTHENTICATION_TOKEN_FILE="+file))
	if err != nil || cfg.zyncToken.Reveal() != "from the file" {
		t.Errorf("token %q, error %v", cfg.zyncToken.Reveal(), err)
	}
	cfg, err = parse(t, []string{"--zync-authentication-token=flag"}, usable("ZYNC_AUTHENTICATION_TOKEN_FILE="+file))
	if err != nil || cfg.zyncToken.Reveal() != "flag" {
		t.Errorf("the flag goes first: token %q, error %v", cfg.zyncToken.Reveal(), err)
	}
	_, err = parse(t, nil, usable("ZYNC_AUTHENTICATION_TOKEN_FILE=/does/not/exist", "REDIS_PASSWORD=x", "REDIS_PASSWORD_FILE="+file))
	for _, want := range []string{"ZYNC_AUTHENTICATION_TOKEN_FILE", "REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"--tenant=x", "--force", "--report=yaml", "--wait=-1s", "--task=rotat"}, []string{
		"DATABASE_URL=mysql2://u:hunter2@/x", "DATABASE_SSL_MODE=prefer", "REDIS_URL=http://x", "REDIS_SENTINEL_ROLE=slave",
		"ZYNC_ENDPOINT=zync:8080", "ZYNC_AUTHENTICATION_TOKEN=a\"b", "PUSH_CONCURRENCY=many", "PUSH_RATE=-1", "RETRY_FOR=1 hour", "VERIFY=all",
		"PORTA_ENDPOINT=ftp://x", "ROTATE_SCHEDULE=@never", "JANITOR_SCHEDULE=weekly", "SCHEDULE_TIMEZONE=Mars/Olympus",
		"TOKEN_TTL=1.5s", "LISTEN_ADDRESS=9395", "LOG_FORMAT=xml", "LOG_LEVEL=loud", "SCHEDULER_NAME=a b", "SHUTDOWN_GRACE=-1s",
	}, &stdout, &stderr)
	if code != exitUsage {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, want := range []string{
		"DATABASE_URL", "DATABASE_SSL_", "REDIS_URL", "REDIS_SENTINEL_ROLE", "ZYNC_ENDPOINT", "ZYNC_AUTHENTICATION_TOKEN",
		"PUSH_CONCURRENCY", "PUSH_RATE", "RETRY_FOR", "VERIFY", "PORTA_ENDPOINT", "ROTATE_SCHEDULE", "JANITOR_SCHEDULE", "SCHEDULE_TIMEZONE",
		"TOKEN_TTL", "LISTEN_ADDRESS", "LOG_FORMAT", "LOG_LEVEL", "SCHEDULER_NAME", "SHUTDOWN_GRACE",
		"--tenant", "--force: only with --run-once", "--report", "--wait", "--task",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("nothing is said of %s", want)
		}
	}
	if strings.Contains(stderr.String(), "hunter2") {
		t.Error("a password was printed")
	}
	if t.Failed() {
		t.Log(stderr.String())
	}
}

func TestTokenTTLCoversTwoRotations(t *testing.T) {
	_, err := parse(t, nil, usable("ROTATE_SCHEDULE=0 8-18 * * *"))
	if err == nil || !strings.Contains(err.Error(), "14h") {
		t.Errorf("error %v, want one that names the longest time between rotations", err)
	}
}

func TestMissingSettings(t *testing.T) {
	_, err := parse(t, nil, nil)
	for _, want := range []string{"DATABASE_URL): required", "REDIS_URL): required", "ZYNC_ENDPOINT): required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{"--help": "DATABASE_URL_FILE", "--version": "token-scheduler dev"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), []string{args}, nil, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: exit code %d, output %s%s", args, code, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"--no-such-flag"}, nil, &stdout, &stderr); code != exitUsage {
		t.Errorf("exit code %d for an unknown flag, want 2", code)
	}
}

func TestSentinels(t *testing.T) {
	cfg, err := parse(t, nil, usable("REDIS_SENTINEL_HOSTS=redis://a:26380, b ,[::1]:5", "REDIS_SENTINEL_ROLE=master"))
	if err != nil || strings.Join(cfg.redis.SentinelHosts, " ") != "a:26380 b:26379 [::1]:5" {
		t.Errorf("sentinels %v, error %v", cfg.redis.SentinelHosts, err)
	}
	if _, err = parse(t, nil, usable("REDIS_SENTINEL_HOSTS=redis://:hunter2@a")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v, want one without the password", err)
	}
}
