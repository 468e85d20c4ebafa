package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
)

// TestEverySecretIsKnown: whichever of these a server quotes, it is not printed.
func TestEverySecretIsKnown(t *testing.T) {
	t.Setenv("https_proxy", "http://u:secret9@proxy:3128")
	f, err := Parse(nil, []string{
		"DATABASE_URL=mysql2://u:s%40cret1@db/porta", "REDIS_URL=not a url://:secret2@redis", "REDIS_PASSWORD=secret3",
		"REDIS_SENTINEL_HOSTS=redis://:secret4@a,:secret5@b", "REDIS_SENTINEL_PASSWORD=secret6", "ZYNC_ENDPOINT=http://u:secret7@zync",
		"ZYNC_AUTHENTICATION_TOKEN=secret8", "PORTA_ENDPOINT=http://porta",
		"PING_URL=https://u:secret10@hc-ping.com/secret11",
	}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	said := "s@cret1 s%40cret1 secret2 secret3 secret4 secret5 secret6 secret7 secret8 secret9 secret10 /secret11"
	got := secret.NewScrubber(f.Secrets()...).Clean(said)
	if got != strings.TrimSpace(strings.Repeat(secret.Redacted+" ", 12)) {
		t.Error(got)
	}
	if host := "https://hc-ping.com:8080"; secret.NewScrubber(f.Secrets()...).Clean(host) != host {
		t.Error("a host is not shown")
	}
}

func TestSecretsOnTheCommandLine(t *testing.T) {
	args := []string{
		"--database-url=mysql2://u:p@db/porta", "--redis-url", "redis://redis/1", "--redis-password", "x", "--zync-endpoint=http://zync",
	}
	f, err := Parse(args, nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range f.Exposed(args) {
		names = append(names, e.Flag+" "+e.Variable)
	}
	if got := strings.Join(names, ", "); got != "--database-url DATABASE_URL, --redis-password REDIS_PASSWORD" {
		t.Error(got)
	}
}

// TestURLsThatPeopleGetWrong: the error says what to change.
func TestURLsThatPeopleGetWrong(t *testing.T) {
	for url, want := range map[string]string{
		"postgresql://u:hunter2@db/porta":          "not supported",
		"oracle-enhanced://u:hunter2@db/porta":     "not supported",
		"mysql2://u:hunter2@db/porta\n":            "ends in a line break",
		`"mysql2://u:hunter2@db/porta"`:            "is in quotes",
		"mysql2://u:hunter2@db/porta?timeout=5":    "unknown parameter timeout",
		"mysql2://u:hunter2@db/porta?sslmode=none": "unknown parameter sslmode",
		"mysql2://u:hunter2@db:x/porta":            "the port is not a number",
	} {
		_, err := parse(t, nil, usable("DATABASE_URL="+url))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error %v, want one with %q", url, err, want)
		}
	}
	for url, want := range map[string]string{
		"redis://redis/1\n":        "ends in a line break",
		"'redis://redis/1'":        "is in quotes",
		"redis://redis/1?timeout=": "unknown parameter",
	} {
		if _, err := parse(t, nil, usable("REDIS_URL="+url)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", url, err, want)
		}
	}
}

func TestFlagsThatExcludeEachOther(t *testing.T) {
	for _, c := range []struct {
		args, want string
		environ    []string
	}{
		{"--status --check", "--check, --status: exclude each other", nil},
		{"--run-once --check", "--run-once, --check: exclude each other", nil},
		{"--healthcheck --status", "--status, --healthcheck: exclude each other", nil},
		{"--status --history --tenant=42", "--tenant, --history: exclude each other", nil},
		{"--tenant=42", "--tenant: only with --run-once or --status", nil},
		{"--healthcheck", "there is nothing to ask", []string{"LISTEN_ADDRESS="}},
		{"--zync-ca-file=/nowhere", "/nowhere", nil},
		{"--zync-ca-file=" + authorityFile(t), "the endpoint says http://", nil},
		{"--porta-ca-file=/nowhere", "--porta-ca-file (PORTA_CA_FILE)", nil},
		{"--proxy=auto", "--proxy (PROXY)", nil},
	} {
		_, err := parse(t, strings.Fields(c.args), usable(c.environ...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.args, err, c.want)
		}
	}
}

// authorityFile is an empty file: what it holds is not what is tested.
func authorityFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
