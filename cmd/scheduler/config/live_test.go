package config

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/secret"
)

// reloaded is a configuration whose values come from files.
type reloaded struct {
	t    *testing.T
	dir  string
	live *Live
	out  *strings.Builder
	log  *slog.Logger
}

func newReloaded(t *testing.T, contents map[string]string) *reloaded {
	t.Helper()
	r := &reloaded{t: t, dir: t.TempDir(), out: &strings.Builder{}}
	r.log = slog.New(slog.NewTextHandler(r.out, nil))
	all := map[string]string{
		"DATABASE_URL": "mysql2://u:first@db/porta", "REDIS_URL": "redis://:first@redis/1", "ZYNC_AUTHENTICATION_TOKEN": "first", "LOG_LEVEL": "info",
	}
	maps.Copy(all, contents)
	environ := []string{"ZYNC_ENDPOINT=http://zync", "PASSWD_FILE=/not/ours"}
	for name, content := range all {
		r.write(name, content)
		environ = append(environ, name+"_FILE="+filepath.Join(r.dir, name))
	}
	cfg, err := parse(t, nil, environ)
	if err != nil {
		t.Fatal(err)
	}
	r.live = NewLive(nil, environ, cfg, secret.NewScrubber())
	return r
}

func (r *reloaded) write(name, content string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(content+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// TestAnotherDatabaseIsFollowed: the next connection goes to where the file says.
func TestAnotherDatabaseIsFollowed(t *testing.T) {
	r := newReloaded(t, nil)
	var cfg Config
	r.live.Follow(&cfg, r.log)
	r.write("DATABASE_URL", "mysql2://u:second@other:3307/porta2")
	if got := cfg.Database.Current().Reveal(); got != "mysql2://u:second@other:3307/porta2" {
		t.Errorf("the next connection goes to %s", got)
	}
	r.write("REDIS_URL", "redis://:second@redis/1")
	if got := cfg.Redis.Current().URL.Reveal(); got != "redis://:second@redis/1" {
		t.Errorf("the next connection goes to %s", got)
	}
}

// TestAnotherRedisNeedsRestart: leases and ledger stay where they are.
func TestAnotherRedisNeedsRestart(t *testing.T) {
	for _, other := range []string{"redis://:second@other/1", "redis://:second@redis:6380/1", "redis://:second@redis/2", "rediss://:second@redis/1"} {
		r := newReloaded(t, nil)
		r.write("REDIS_URL", other)
		refused := r.live.refresh()
		if err := refused["REDIS_URL"]; err == nil || !strings.Contains(err.Error(), "restart needed") || strings.Contains(err.Error(), "second") {
			t.Errorf("%s: %v", other, err)
		}
		if r.live.current().Redis.URL.Reveal() != "redis://:first@redis/1" {
			t.Errorf("%s is in force", other)
		}
	}
}

// TestRefusedFileBlocksNothingElse, is said once by itself, and each time it is asked.
func TestRefusedFileBlocksNothingElse(t *testing.T) {
	r := newReloaded(t, nil)
	var cfg Config
	r.live.Follow(&cfg, r.log)
	r.write("ZYNC_AUTHENTICATION_TOKEN", `with a "quote"`)
	r.write("REDIS_URL", "redis://:second@other/1")
	r.write("DATABASE_URL", "mysql2://u:second@db/porta")
	r.write("LOG_LEVEL", "debug")
	for range 3 {
		if got := cfg.Database.Current().Reveal(); got != "mysql2://u:second@db/porta" {
			t.Errorf("the next connection goes to %s", got)
		}
	}
	if r.live.Level().Level() != slog.LevelDebug || r.live.ZyncToken().Reveal() != "first" {
		t.Errorf("level %s, credential %s", r.live.Level().Level(), r.live.ZyncToken().Reveal())
	}
	for _, want := range []string{"variable=ZYNC_AUTHENTICATION_TOKEN_FILE", "variable=REDIS_URL_FILE"} {
		if n := strings.Count(r.out.String(), want); n != 1 {
			t.Errorf("%s said %d times in:\n%s", want, n, r.out)
		}
	}
	if strings.Contains(r.out.String(), "second") {
		t.Errorf("a secret in %s", r.out)
	}
	r.write("ZYNC_AUTHENTICATION_TOKEN", "second")
	_ = os.Remove(filepath.Join(r.dir, "REDIS_URL"))
	if refused := r.live.refresh(); len(refused) != 1 || refused["REDIS_URL"] == nil || r.live.ZyncToken().Reveal() != "second" {
		t.Errorf("refused %v, credential %s", refused, r.live.ZyncToken().Reveal())
	}
}

// TestReloadedSecretsAreScrubbed: also those that are refused.
func TestReloadedSecretsAreScrubbed(t *testing.T) {
	r := newReloaded(t, nil)
	r.write("REDIS_URL", "redis://:hunter2@other/1")
	r.live.refresh()
	if got := r.live.scrub.Clean("AUTH hunter2"); got != "AUTH [redacted]" {
		t.Error(got)
	}
}
