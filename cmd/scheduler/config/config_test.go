package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// usable are the variables that the program can't do without.
func usable(more ...string) []string {
	return append([]string{
		"DATABASE_URL=mysql2://porta:p%40ss@db/porta", "REDIS_URL=redis://redis/1", "ZYNC_ENDPOINT=http://zync:8080",
	}, more...)
}

func parse(t *testing.T, args, environ []string) (Config, error) {
	t.Helper()
	f, err := Parse(args, environ, &bytes.Buffer{})
	if err != nil {
		return Config{}, err
	}
	return f.Config()
}

func TestDefaults(t *testing.T) {
	cfg, err := parse(t, nil, usable("LISTEN_ADDRESS_=x"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Schedule.Rotate.String() != "0 * * * *" || cfg.Schedule.Janitor.String() != "0 0 * * 0" || cfg.Schedule.TokenTTL != 24*time.Hour ||
		cfg.Zync.Concurrency != 3 || !cfg.Porta.Verify || cfg.Listen.Address != ":9395" || cfg.Porta.ImpersonationAdmin != "3scaleadmin" ||
		cfg.Name != "default" || cfg.Log.JSON || cfg.Zync.RetryFor != 10*time.Minute || cfg.ShutdownGrace != 25*time.Second ||
		len(cfg.ByHand.Tasks) != 2 || cfg.Schedule.Timezone != time.UTC {
		t.Errorf("defaults are %+v", cfg)
	}
}

func TestFlagBeforeVariableBeforeDefault(t *testing.T) {
	cfg, err := parse(t, []string{"--token-ttl=48h", "--run-once", "--task=rotate", "--tenant=3", "--tenant=3,5"},
		usable("TOKEN_TTL=72h", "PUSH_CONCURRENCY=7", "VERIFY=", "LISTEN_ADDRESS="))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Schedule.TokenTTL != 48*time.Hour || cfg.Zync.Concurrency != 7 || !cfg.Porta.Verify || cfg.Listen.Address != "" ||
		len(cfg.ByHand.Tasks) != 1 || len(cfg.ByHand.Tenants) != 2 {
		t.Errorf("got %+v", cfg)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from the file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := parse(t, nil, usable("ZYNC_AUTHENTICATION_TOKEN_FILE="+file))
	if err != nil || cfg.Zync.Token.Reveal() != "from the file" {
		t.Errorf("token %q, error %v", cfg.Zync.Token.Reveal(), err)
	}
	cfg, err = parse(t, []string{"--zync-authentication-token=flag"}, usable("ZYNC_AUTHENTICATION_TOKEN_FILE="+file))
	if err != nil || cfg.Zync.Token.Reveal() != "flag" {
		t.Errorf("the flag goes first: token %q, error %v", cfg.Zync.Token.Reveal(), err)
	}
	_, err = parse(t, nil, usable("ZYNC_AUTHENTICATION_TOKEN_FILE=/does/not/exist", "REDIS_PASSWORD=x", "REDIS_PASSWORD_FILE="+file))
	for _, want := range []string{"ZYNC_AUTHENTICATION_TOKEN_FILE", "REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s in it", err, want)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := parse(t, []string{"--tenant=x", "--force", "--report=yaml", "--wait=-1s", "--task=rotat"}, []string{
		"DATABASE_URL=mysql2://u:hunter2@/x", "DATABASE_SSL_MODE=prefer", "REDIS_URL=http://x", "REDIS_SENTINEL_ROLE=slave",
		"ZYNC_ENDPOINT=zync:8080", "ZYNC_AUTHENTICATION_TOKEN=a\"b", "PUSH_CONCURRENCY=many", "PUSH_RATE=-1", "RETRY_FOR=1 hour", "VERIFY=all",
		"PORTA_ENDPOINT=ftp://x", "ROTATE_SCHEDULE=@never", "JANITOR_SCHEDULE=weekly", "SCHEDULE_TIMEZONE=Mars/Olympus",
		"TOKEN_TTL=1.5s", "LISTEN_ADDRESS=9395", "LOG_FORMAT=xml", "LOG_LEVEL=loud", "SCHEDULER_NAME=a b", "SHUTDOWN_GRACE=-1s",
	})
	if _, ok := errors.AsType[Problems](err); !ok {
		t.Fatalf("error %v, want problems", err)
	}
	said := err.Error()
	for _, want := range []string{
		"DATABASE_URL", "DATABASE_SSL_", "REDIS_URL", "REDIS_SENTINEL_ROLE", "ZYNC_ENDPOINT", "ZYNC_AUTHENTICATION_TOKEN",
		"PUSH_CONCURRENCY", "PUSH_RATE", "RETRY_FOR", "VERIFY", "PORTA_ENDPOINT", "ROTATE_SCHEDULE", "JANITOR_SCHEDULE", "SCHEDULE_TIMEZONE",
		"TOKEN_TTL", "LISTEN_ADDRESS", "LOG_FORMAT", "LOG_LEVEL", "SCHEDULER_NAME", "SHUTDOWN_GRACE",
		"--tenant", "--force: only with --run-once", "--report", "--wait", "--task",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not named", want)
		}
	}
	if strings.Contains(said, "hunter2") {
		t.Error("a password was printed")
	}
	if t.Failed() {
		t.Log(said)
	}
}

func TestTokenTTLCoversTwoRotations(t *testing.T) {
	for spec, longest := range map[string]string{"0 8-18 * * *": "14h", "*/2 * * * 1-5": "48h2m"} {
		_, err := parse(t, nil, usable("ROTATE_SCHEDULE="+spec))
		if err == nil || !strings.Contains(err.Error(), longest) {
			t.Errorf("%s: error %v, want one that names the longest time between rotations", spec, err)
		}
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

func TestSentinels(t *testing.T) {
	cfg, err := parse(t, nil, usable("REDIS_SENTINEL_HOSTS=redis://:hunter2@a:26380, b ,[::1]:5", "REDIS_SENTINEL_ROLE=master"))
	if err != nil || strings.Join(cfg.Redis.Sentinels.Hosts, " ") != "a:26380 b:26379 [::1]:5" {
		t.Errorf("sentinels %v, error %v", cfg.Redis.Sentinels.Hosts, err)
	}
	_, err = parse(t, nil, usable("REDIS_SENTINEL_HOSTS=redis://:hunter2@a", "REDIS_SENTINEL_PASSWORD=hunter3"))
	if err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("error %v, want one without the password", err)
	}
	if cfg, err = parse(t, nil, usable("REDIS_SSL=1")); err != nil || !cfg.Redis.SSL {
		t.Errorf("REDIS_SSL=1: %t, error %v", cfg.Redis.SSL, err)
	}
}
