package tests

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
	"github.com/token-scheduler/token-scheduler/tests/zync"
)

// shortDir returns a folder whose name is short enough for sockets in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ts-") //nolint:usetesting // see above
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// survivesFailover makes a daemon rotate slowly, every five seconds, while a second
// daemon stands by. It kills the master of their Redis in the middle of a rotation.
// Everyone must be served in that rotation and in the next.
func survivesFailover(t *testing.T, w *world, kill func()) {
	t.Helper()
	w.watch()
	env := map[string]string{"ROTATE_SCHEDULE": "@every 5s", "TOKEN_TTL": "120s"}
	w.zync.SetFault(slowly)
	first := w.start(env)
	first.logs("msg=leading")
	second := w.start(env)
	second.logs("standing by")
	pushes := w.zync.Pushes()
	eventually(t, "pushes of a rotation", func() bool { return w.zync.Pushes() > pushes+5 })
	kill()
	killed := time.Now()
	everyone := func(since time.Time) bool {
		for _, h := range w.zync.Holds() {
			if _, owned := w.seeded.Owners[h.TenantID]; owned && h.At.Before(since) {
				return false
			}
		}
		return true
	}
	eventually(t, "rotation after the failover", func() bool { return everyone(killed) })
	t.Logf("everyone was served anew %s after the master was killed", time.Since(killed).Round(100*time.Millisecond))
	again := time.Now()
	eventually(t, "another rotation", func() bool { return everyone(again) })
	status := w.start(env, "--status")
	if code := status.wait(); code != 0 || !strings.Contains(status.stdout.String(), "served") {
		t.Errorf("exit code %d:\n%s", code, status.stdout)
	}
	w.zync.SetFault(nil)
	first.stops()
	second.stops()
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	const password = "of-the-sentinels"
	s, err := servers.StartSentinels(t.Context(), shortDir(t), password)
	servers.SkipWithout(t, err)
	t.Cleanup(s.Remove)
	w := newWorldOn(t, porta.New(t), "redis://"+servers.MasterName+"/0", 60)
	// As Porta writes them: with a scheme or without.
	w.env["REDIS_SENTINEL_HOSTS"] = "redis://" + s.Hosts[0] + ", " + s.Hosts[1] + "," + s.Hosts[2]
	w.env["REDIS_SENTINEL_ROLE"] = "master"
	w.env["REDIS_SENTINEL_PASSWORD"] = password
	if code, findings := w.check(nil); code != 0 {
		t.Errorf("exit code %d, %+v", code, findings)
	}
	survivesFailover(t, w, s.Master.Kill)
	if code := w.start(map[string]string{"REDIS_SENTINEL_PASSWORD": "wrong"}, "--status").wait(); code != 3 {
		t.Errorf("exit code %d with a wrong password for the Sentinels", code)
	}
}

func TestClusterFailover(t *testing.T) {
	t.Parallel()
	c, err := servers.StartCluster(t.Context(), shortDir(t))
	servers.SkipWithout(t, err)
	t.Cleanup(c.Remove)
	seeds := "redis://" + c.Nodes[0].Addr() + "?addr=" + c.Nodes[1].Addr() + "&addr=" + c.Nodes[2].Addr()
	w := newWorldOn(t, porta.New(t), seeds, 60)
	w.env["REDIS_CLUSTER"] = "true"
	if code, findings := w.check(nil); code != 0 {
		t.Errorf("exit code %d, %+v", code, findings)
	}
	master, err := c.MasterOf(t.Context(), "token-scheduler:{"+w.porta.Name+"}:leader")
	must(t, err)
	survivesFailover(t, w, master.Kill)
}

func TestRedisOverTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	cert, key := ca.issue("127.0.0.1", "localhost")
	mine, mineKey := ca.issue("scheduler")
	server, err := servers.StartRedisTLS(t.Context(), shortDir(t), ca.file, cert, key, ca.Config())
	servers.SkipWithout(t, err)
	t.Cleanup(func() { _ = server.Remove() })
	w := newWorldOn(t, porta.New(t), fmt.Sprintf("rediss://localhost:%d/0", server.Port), 10)
	for name, c := range map[string]struct {
		ca, cert, key string
		works         bool
	}{
		"as it should be":        {ca.file, mine, mineKey, true},
		"another authority":      {stranger.file, mine, mineKey, false},
		"the system's authority": {"", mine, mineKey, false},
		"no certificate of ours": {ca.file, "", "", false},
	} {
		env := map[string]string{"REDIS_CA_FILE": c.ca, "REDIS_CLIENT_CERT": c.cert, "REDIS_PRIVATE_KEY": c.key}
		if code := w.start(env, "--status").wait(); (code != 3) != c.works { // 3: nobody knows
			t.Errorf("%s: exit code %d", name, code)
		}
	}
	w.env["REDIS_CA_FILE"], w.env["REDIS_CLIENT_CERT"], w.env["REDIS_PRIVATE_KEY"] = ca.file, mine, mineKey
	if code, r := w.once("--task=rotate"); code != 0 || r.Tasks[0].Delivered != len(w.seeded.Owners) {
		t.Errorf("exit code %d, %+v", code, r)
	}
}

// TestRedisUser runs everything as a user with only the rights that the README asks
// for.
func TestRedisUser(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	const password = "of-the-user"
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "scheduler", "on", ">"+password, "~token-scheduler:*",
		"+@read", "+@write", "+@scripting", "+@connection").Err())
	must(t, client.Do(t.Context(), "ACL", "SETUSER", "default", "off").Err())
	w := newWorldOn(t, porta.New(t), fmt.Sprintf("redis://scheduler:%s@%s/0", password, server.Addr()), 20)
	w.zync.SetFault(func(p zync.Push) zync.Fault {
		if p.TenantID == 3 && p.N < 30 {
			return zync.Fault{Status: 422, Body: `{"errors":{"id":["no"]}}`}
		}
		return zync.Fault{}
	})
	if code, _ := w.once(); code != 1 { // the one that is refused
		t.Errorf("exit code %d", code)
	}
	d := w.start(nil)
	d.logs("msg=leading")
	d.logs("run ended", "task=rotate")
	if code := w.start(nil, "--status").wait(); code > 1 {
		t.Errorf("exit code %d of --status", code)
	}
	d.stops()
	if text := d.stderr.String(); strings.Contains(text, "NOPERM") || strings.Contains(text, password) {
		t.Errorf("the log says:\n%s", text)
	}
}
