package tests

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestRotatedPasswords changes every secret of a daemon at work. The passwords of MySQL
// and Redis are used for the next connection. Zync's credential and the log level are
// read on SIGHUP. What can't be used is refused.
func TestRotatedPasswords(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, porta.New(t), servers.PrivateRedis(t).URL(0), 10)
	client := w.redis()
	must(t, client.ConfigSet(t.Context(), "requirepass", "before").Err())
	w.watch()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content+"\n"), 0o600))
		return path
	}
	env := map[string]string{
		"DATABASE_URL": "", "DATABASE_URL_FILE": file("mysql", w.porta.URL()),
		"REDIS_PASSWORD_FILE":       file("redis", "before"),
		"ZYNC_AUTHENTICATION_TOKEN": "", "ZYNC_AUTHENTICATION_TOKEN_FILE": file("zync", credential),
		"LOG_LEVEL_FILE": file("level", "info"), "ROTATE_SCHEDULE": "@every 3s", "TOKEN_TTL": "60s",
	}
	d := w.start(env)
	d.logs("run ended", "outcome=success")
	rotates := func(what string) {
		t.Helper()
		pushes := w.zync.Pushes()
		eventually(t, what, func() bool { return w.zync.Pushes() >= pushes+2*len(w.seeded.Owners) })
	}

	// MySQL first: the old password ends at once, and each connection with it.
	w.exec("SET PASSWORD FOR " + w.porta.Name + "@'%' = PASSWORD('after')")
	user, rest, _ := strings.Cut(strings.TrimPrefix(w.porta.URL(), "mysql2://"), ":")
	_, host, _ := strings.Cut(rest, "@")
	file("mysql", "mysql2://"+user+":after@"+host)
	var connections []int
	must(t, w.porta.DB.Select(&connections, "SELECT id FROM information_schema.processlist WHERE user = ?", w.porta.Name))
	for _, id := range connections {
		_, _ = w.porta.DB.Exec("KILL ?", id)
	}
	rotates("rotation with the new password of MySQL")

	// Redis: a new password, and every connection is closed.
	must(t, client.ConfigSet(t.Context(), "requirepass", "after").Err())
	file("redis", "after")
	_ = client.Do(context.Background(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err()
	rotates("rotation with the new password of Redis")

	// Zync and the log level: by SIGHUP. What is bad is refused, and blocks nothing else.
	file("zync", `a "quoted" one`)
	file("level", "debug")
	d.signal(syscall.SIGHUP)
	line := d.logs("not reloaded", "ZYNC_AUTHENTICATION_TOKEN")
	if strings.Contains(line, "quoted") {
		t.Errorf("a secret in %s", line)
	}
	file("zync", "")
	d.signal(syscall.SIGHUP)
	d.logs("not reloaded", "is empty")
	rotates("rotation with the old credential")
	d.logs("level=DEBUG")
	if strings.Contains(d.stderr.String(), "msg=\"reloaded") {
		t.Error("said to be reloaded though the credential was refused")
	}
	file("zync", credential)
	d.signal(syscall.SIGHUP)
	d.logs("msg=\"reloaded", "log_level=DEBUG")
	rotates("rotation after the reload")
	time.Sleep(time.Second)
	d.stops()
}
