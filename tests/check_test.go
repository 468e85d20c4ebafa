package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// finding is one line of --check --report=json.
type finding struct{ Check, Result, Found, Advice string }

// check runs --check and returns the exit code and its findings.
func (w *world) check(env map[string]string, args ...string) (int, []finding) {
	w.t.Helper()
	p := w.start(env, append([]string{"--check", "--report=json"}, args...)...)
	code := p.wait()
	var out struct{ Checks []finding }
	if err := json.Unmarshal([]byte(p.stdout.String()), &out); err != nil {
		w.t.Fatalf("exit code %d, output %q: %v", code, p.stdout, err)
	}
	return code, out.Checks
}

func TestCheckOfASoundInstallation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	before := w.lastTokenID()
	code, findings := w.check(nil)
	if code != 0 || len(findings) < 20 {
		t.Errorf("exit code %d, %d findings", code, len(findings))
	}
	for _, f := range findings {
		// The seed has old tokens and a tenant without a date, and the loopback needs no TLS.
		expected := slices.Contains([]string{"sync tokens", "tenants' dates", "mysql tls"}, f.Check)
		if f.Result == "failure" || (f.Result == "warning") != expected {
			t.Errorf("%+v", f)
		}
		if f.Result != "ok" && f.Advice == "" {
			t.Errorf("%s: no word on what to do", f.Check)
		}
	}
	if w.lastTokenID() != before || w.zync.Pushes() != 0 {
		t.Error("a check has written")
	}
	if keys, err := w.redis().Keys(t.Context(), "token-scheduler:{"+w.porta.Name+"}*").Result(); err != nil || len(keys) != 0 {
		t.Errorf("a check left the keys %v, %v", keys, err)
	}
	text := w.start(nil, "--check")
	if code := text.wait(); code != 0 || !strings.Contains(text.stdout.String(), "ok       zync  ") {
		t.Errorf("exit code %d, output:\n%s", code, text.stdout)
	}
	if strings.Contains(text.stdout.String(), "\x1b") {
		t.Error("colours where there is no terminal")
	}
}

// TestCheckFindsWhatIsBroken breaks one thing at a time and looks for its line.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	type breakage struct {
		check, result, found string
		env                  map[string]string
		do                   func(w *world)
	}
	env := func(name, value string) map[string]string { return map[string]string{name: value} }
	revoke := func(right, table string) func(*world) {
		return func(w *world) {
			w.exec(fmt.Sprintf("REVOKE %s ON %s.%s FROM %s@'%%'", right, w.porta.Name, table, w.porta.Name))
		}
	}
	for name, b := range map[string]breakage{
		"schedule": {"configuration", "failure", "ROTATE_SCHEDULE", env("ROTATE_SCHEDULE", "every now and then"), nil},
		"ttl":      {"configuration", "failure", "TOKEN_TTL", env("TOKEN_TTL", "90m"), nil},
		"stray tenants": {"stray tenants", "warning", "master's: 3 4", nil, func(w *world) {
			w.exec("UPDATE accounts SET provider_account_id = 2 WHERE id IN (3, 4)")
		}},
		"host with a port": {"tenants' hosts", "warning", "self_domain: 3", nil, func(w *world) {
			w.exec("UPDATE accounts SET self_domain = 'a.example.com:3000' WHERE id = 3")
		}},
		"no date": {"tenants' dates", "warning", "NULL: 3", nil, func(w *world) {
			w.exec("SET STATEMENT sql_mode = '' FOR UPDATE accounts SET created_at = '0000-00-00' WHERE id = 3")
			w.exec("UPDATE accounts SET created_at = NULL WHERE id = 4")
		}},
		"one connection": {"mysql connections", "failure", "needs 2", nil, func(w *world) {
			w.exec("ALTER USER " + w.porta.Name + "@'%' WITH MAX_USER_CONNECTIONS 1")
		}},
		"three connections": {"mysql connections", "warning", "need 4", nil, func(w *world) {
			w.exec("ALTER USER " + w.porta.Name + "@'%' WITH MAX_USER_CONNECTIONS 3")
		}},
		"statements": {"statement: purge expired tokens", "failure", "Error 1142", nil, revoke("DELETE", "access_tokens")},
		"nobody approved": {"porta", "warning", "no tenant is approved", nil, func(w *world) {
			w.exec("UPDATE accounts SET state = 'suspended'")
		}},
		"the master alone approved": {"porta", "ok", "tenant 1 ", nil, func(w *world) {
			w.exec("UPDATE accounts SET state = 'suspended' WHERE id > 1")
		}},
		"another Porta": {"redis owner", "failure", "other.example.com", nil, func(w *world) {
			w.set("porta", "other.example.com/system/0123456789ab")
		}},
		"another type at a lease": {"redis lease", "failure", "run:rotate", nil, func(w *world) {
			must(w.t, w.redis().LPush(w.t.Context(), w.key("run:rotate"), "x").Err())
		}},
		"a lease without an end": {"redis lease", "warning", "has no end", nil, func(w *world) { w.set("leader", "x") }},
		"another type in the ledger": {"redis ledger", "warning", "deliveries holds a value of type string", nil, func(w *world) {
			w.set("deliveries", "x")
		}},
		"another type in the history": {"redis ledger", "warning", "history holds a value of type string", nil, func(w *world) {
			w.set("history", "x")
		}},
		"mysql away":         {"mysql", "failure", "connect", env("DATABASE_URL", "mysql2://a:b@127.0.0.1:1/c"), nil},
		"mysql password":     {"mysql", "failure", "1045", nil, func(w *world) { w.exec("SET PASSWORD FOR " + w.porta.Name + "@'%' = PASSWORD('other')") }},
		"no table":           {"table users", "failure", "missing", nil, func(w *world) { w.exec("DROP TABLE users") }},
		"no column accounts": {"table accounts", "failure", "self_domain", nil, func(w *world) { w.exec("ALTER TABLE accounts DROP COLUMN self_domain") }},
		"no column tokens":   {"table access_tokens", "failure", "expires_at", nil, func(w *world) { w.exec("ALTER TABLE access_tokens DROP COLUMN expires_at") }},
		"select accounts":    {"grant SELECT on accounts", "failure", "1142", nil, revoke("SELECT", "accounts")},
		"select users":       {"grant SELECT on users", "failure", "1142", nil, revoke("SELECT", "users")},
		"select tokens":      {"grant SELECT on access_tokens", "failure", "114", nil, revoke("SELECT", "access_tokens")},
		"insert":             {"grant INSERT on access_tokens", "failure", "1142", nil, revoke("INSERT", "access_tokens")},
		"update":             {"grant UPDATE on access_tokens", "failure", "1142", nil, revoke("UPDATE", "access_tokens")},
		"delete":             {"grant DELETE on access_tokens", "failure", "1142", nil, revoke("DELETE", "access_tokens")},
		"trigger gone":       {"trigger", "warning", "not visible", nil, func(w *world) { w.exec("DROP TRIGGER access_tokens_tenant_id") }},
		"no admin":           {"tenants", "warning", "1 of them without an admin", nil, func(w *world) { w.exec("UPDATE users SET role = 'member' WHERE account_id = 3") }},
		"no master":          {"tenants", "failure", "no master", nil, func(w *world) { w.exec("UPDATE accounts SET master = NULL") }},
		"no legacy tokens":   {"sync tokens", "ok", "have expired", nil, func(w *world) { w.exec("DELETE FROM access_tokens WHERE expires_at IS NULL") }},
		"redis away":         {"redis", "failure", "refused", env("REDIS_URL", "redis://127.0.0.1:1"), nil},
		"zync away":          {"zync", "failure", "refused", env("ZYNC_ENDPOINT", "http://127.0.0.1:1"), nil},
		"no credential":      {"zync credential", "warning", "none is sent", env("ZYNC_AUTHENTICATION_TOKEN", ""), nil},
		"porta away":         {"porta", "warning", "refused", env("PORTA_ENDPOINT", "http://127.0.0.1:1"), nil},
		"porta off":          {"porta", "ok", "off", env("VERIFY", "off"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 12)
			if b.do != nil {
				b.do(w)
			}
			w.expectFinding(b.env, b.check, b.result, b.found)
		})
	}
}

// key is the name of one of the scheduler's keys on Redis.
func (w *world) key(name string) string { return "token-scheduler:{" + w.porta.Name + "}:" + name }

func (w *world) set(name, value string) {
	w.t.Helper()
	must(w.t, w.redis().Set(w.t.Context(), w.key(name), value, 0).Err())
}

// expectFinding runs a check and looks for one of its lines.
func (w *world) expectFinding(env map[string]string, check, result, found string) {
	w.t.Helper()
	code, findings := w.check(env)
	if want := map[bool]int{true: 2, false: 1}[check == "configuration"]; (result == "failure" && code != want) || (result != "failure" && code != 0) {
		w.t.Errorf("exit code %d", code)
	}
	for _, f := range findings {
		if f.Check != check || f.Result != result || !strings.Contains(f.Found, found) {
			continue
		}
		if result != "ok" && f.Advice == "" {
			w.t.Errorf("no word on what to do about %+v", f)
		}
		return
	}
	w.t.Errorf("no %s of %q with %q in %+v", result, check, found, findings)
}

// TestCheckOfAnotherServer breaks settings of a whole server.
func TestCheckOfAnotherServer(t *testing.T) {
	t.Parallel()
	server := servers.PrivateMariaDB(t, "--log-bin", "--binlog-format=STATEMENT", "--server-id=1")
	p, err := porta.Create(t.Context(), server.Config())
	must(t, err)
	w := newWorldOn(t, p, servers.RedisURL(t), 12)
	w.expectFinding(nil, "mysql binlog", "failure", "STATEMENT")
	w.exec("SET GLOBAL binlog_format = ROW")
	w.expectFinding(nil, "mysql binlog", "ok", "ROW")
	w.exec("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 7200'")
	w.expectFinding(nil, "clock", "warning", "from this machine")
	w.exec("SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + 72000'")
	w.expectFinding(nil, "clock", "failure", "more than half")
	w.exec("SET GLOBAL init_connect = ''")
	w.exec("SET GLOBAL sql_select_limit = 20")
	w.expectFinding(nil, "mysql defaults", "warning", "sql_select_limit")
	w.exec("SET GLOBAL sql_select_limit = DEFAULT")
	holder, err := p.DB.Conn(t.Context())
	must(t, err)
	_, err = holder.ExecContext(t.Context(), "SELECT GET_LOCK(?, 0)", db.LockName(p.Name, "check"))
	must(t, err)
	w.expectFinding(nil, "lock", "failure", "another")
	_, err = holder.ExecContext(t.Context(), "SELECT RELEASE_LOCK(?), GET_LOCK(?, 0)", db.LockName(p.Name, "check"), db.LockName(p.Name, "rotate"))
	must(t, err)
	w.expectFinding(nil, "lock of rotate", "ok", "held by connection")
	must(t, holder.Close())
	w.exec("SET GLOBAL read_only = 1")
	w.expectFinding(nil, "mysql read_only", "failure", "see its read_only")
	w.expectFinding(nil, "mysql read_only", "failure", "no right is missing")
	must(t, p.DB.Close())
}

// TestCheckOfAnotherRedis breaks settings of a whole Redis.
func TestCheckOfAnotherRedis(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
	w := newWorldOn(t, porta.New(t), server.URL(0), 12)
	w.expectFinding(nil, "redis eviction", "warning", "allkeys-lru")
	client := w.redis()
	// What the README asks for is enough. Less is not.
	acl := []any{"ACL", "SETUSER", "scheduler", "on", ">pw", "~token-scheduler:*", "+@read", "+@write", "+@scripting", "+@connection"}
	must(t, client.Do(t.Context(), acl...).Err())
	env := map[string]string{"REDIS_USERNAME": "scheduler", "REDIS_PASSWORD": "pw"}
	w.expectFinding(env, "redis ledger", "ok", "each command")
	w.expectFinding(env, "redis eviction", "ok", "may not read")
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "scheduler", "-@scripting").Err())
	w.expectFinding(env, "redis lease", "failure", "NOPERM")
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "scheduler", "+@scripting", "-hmget").Err())
	w.expectFinding(env, "redis ledger", "failure", "HMGET is refused")
	must(t, client.Do(t.Context(), "REPLICAOF", "127.0.0.1", "1").Err())
	w.expectFinding(nil, "redis lease", "failure", "READONLY")
}

// TestCheckOfAStrangePorta puts another server at Porta's address.
func TestCheckOfAStrangePorta(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	strange := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(strange.Close)
	w.expectFinding(map[string]string{"PORTA_ENDPOINT": strange.URL}, "porta", "warning", "404")
	w.expectFinding(map[string]string{"ZYNC_ENDPOINT": strange.URL}, "zync", "failure", "404")
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 12)
	port, err := servers.FreePort()
	must(t, err)
	env := map[string]string{"LISTEN_ADDRESS": fmt.Sprintf(":%d", port)}
	if code := w.start(env, "--healthcheck").wait(); code != 1 {
		t.Errorf("exit code %d where no daemon is", code)
	}
	d := w.start(env)
	d.logs("listening")
	if code := w.start(env, "--healthcheck").wait(); code != 0 {
		t.Errorf("exit code %d of a daemon that lives", code)
	}
	d.stops()
	// With TLS and a password, as Prometheus's exporters have them.
	ca := newAuthority(t)
	cert, key := ca.issue("localhost")
	config := filepath.Join(t.TempDir(), "web.yml")
	must(t, os.WriteFile(config, fmt.Appendf(nil, "tls_server_config: {cert_file: %q, key_file: %q}\nbasic_auth_users: {ops: %s}\n",
		cert, key, "$2y$04$7U0X.sRQ1bjA0mMnvFsNwO0oMIYhVQ2jwTr5zZyyQlOIcJ1dLlWGC"), 0o600)) // of a password that nobody knows
	env["WEB_CONFIG_FILE"] = config
	d = w.start(env)
	d.logs("listening")
	if code := w.start(env, "--healthcheck").wait(); code != 0 {
		t.Errorf("exit code %d of a daemon behind TLS and a password", code)
	}
	client := ca.client()
	for path, want := range map[string]int{"/metrics": 401, "/": 401} {
		response, err := client.Get(fmt.Sprintf("https://localhost:%d%s", port, path))
		must(t, err)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s answered %d without a password", path, response.StatusCode)
		}
	}
	d.stops()
}
