package locks_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestNotALease: a value at a lease's key that never expires, expires too late or is of
// another type does not hold the lease. The error names the key, and the value expires
// soon.
func TestNotALease(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	ctx := t.Context()
	for name, put := range map[string]func(key string) error{
		"PERSIST of a holder that died": func(key string) error { return client.Set(ctx, key, "0123456789012345678901me", 0).Err() },
		"a TTL of a year":               func(key string) error { return client.Set(ctx, key, "x", 365*24*time.Hour).Err() },
		"a list":                        func(key string) error { return client.RPush(ctx, key, "x").Err() },
		"a hash":                        func(key string) error { return client.HSet(ctx, key, "x", "y").Err() },
	} {
		t.Run(name, func(t *testing.T) {
			prefix := "token-scheduler:{" + t.Name() + "}:"
			must(t, put(prefix+"leader"))
			locker := locks.New(client, prefix, life, "me")
			_, err := locker.Acquire(ctx, "leader")
			if !errors.Is(err, locks.ErrStuck) || errors.Is(err, locks.ErrHeld) || !strings.Contains(err.Error(), prefix+"leader") {
				t.Fatalf("error %v, want ErrStuck with the key", err)
			}
			if locks.Advice(err) == "" {
				t.Error("no advice")
			}
			eventually(t, func() bool {
				lease, err := locker.Acquire(ctx, "leader")
				if err != nil {
					return false
				}
				must(t, lease.Release())
				return true
			})
		})
	}
}

// TestPersistedHolderKeepsItsLease: a lease that lost its expiry while its holder is
// alive is refreshed as usual, and nobody else takes it.
func TestPersistedHolderKeepsItsLease(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	prefix := "token-scheduler:{" + t.Name() + "}:"
	lease, err := locks.New(client, prefix, life, "me").Acquire(t.Context(), "leader")
	must(t, err)
	must(t, client.Persist(t.Context(), prefix+"leader").Err())
	for began := time.Now(); time.Since(began) < 2*life; time.Sleep(life / 20) {
		other, err := locks.New(client, prefix, life, "other").Acquire(t.Context(), "leader")
		if err == nil {
			_ = other.Release()
			t.Fatal("a second holder")
		}
	}
	if err := lease.Context().Err(); err != nil {
		t.Errorf("lost: %v", context.Cause(lease.Context()))
	}
	must(t, lease.Release())
}

func TestHeldSaysByWhom(t *testing.T) {
	t.Parallel()
	client := servers.RedisClient(t)
	locker := locks.New(client, "token-scheduler:{"+t.Name()+"}:", life, "a daemon")
	lease, err := locker.As("by hand").Acquire(t.Context(), "run:rotate")
	must(t, err)
	_, err = locker.Acquire(t.Context(), "run:rotate")
	var held *locks.HeldError
	if !errors.As(err, &held) || held.Holder != "by hand" || !errors.Is(err, locks.ErrHeld) {
		t.Errorf("error %v, held %+v", err, held)
	}
	must(t, lease.Release())
}

// TestRefusalsAreNotHeld makes a real Redis refuse for each reason that can be
// produced, and checks the error and the advice.
func TestRefusalsAreNotHeld(t *testing.T) {
	t.Parallel()
	server := servers.PrivateRedis(t, "--dbfilename", "missing.rdb")
	admin := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	do := func(args ...any) {
		t.Helper()
		must(t, admin.Do(context.Background(), args...).Err())
	}
	config := func(name, bad, good string) func() func() {
		return func() func() {
			do("CONFIG", "SET", name, bad)
			return func() { do("CONFIG", "SET", name, good) }
		}
	}
	for _, c := range []struct {
		kind   locks.Kind
		advice string
		url    string // without host
		begin  func() (end func())
	}{
		{locks.OOM, "maxmemory", "redis://", config("maxmemory", "1", "0")},
		{locks.NoReplicas, "min-replicas", "redis://", config("min-replicas-to-write", "1", "0")},
		{locks.Misconf, "disk", "redis://", func() func() {
			do("CONFIG", "SET", "save", "3600 1")
			breakSaving(t, admin)
			return func() { do("CONFIG", "SET", "save", "") }
		}},
		{locks.ReadOnly, "replica", "redis://", func() func() {
			do("REPLICAOF", "127.0.0.1", "1")
			return func() { do("REPLICAOF", "NO", "ONE") }
		}},
		{locks.NoPerm, "+@scripting", "redis://u:hunter2@", func() func() {
			do("ACL", "SETUSER", "u", "on", ">hunter2", "~*", "+@all", "-evalsha")
			return func() { do("ACL", "DELUSER", "u") }
		}},
		{locks.NoPerm, "+@write", "redis://u:hunter2@", func() func() {
			do("ACL", "SETUSER", "u", "on", ">hunter2", "~other:*", "+@all")
			return func() { do("ACL", "DELUSER", "u") }
		}},
		{locks.WrongPass, "password is wrong", "redis://u:hunter2@", func() func() { return func() {} }},
		{locks.NoAuth, "REDIS_PASSWORD", "redis://", func() func() {
			do("CONFIG", "SET", "requirepass", "hunter2")
			return func() { do("CONFIG", "SET", "requirepass", "") }
		}},
		{locks.TimedOut, "no answer in time", "redis://", func() func() {
			do("CLIENT", "PAUSE", "4500", "ALL")
			return func() { must(t, admin.Ping(context.Background()).Err()) }
		}},
	} {
		end := c.begin()
		client, err := locks.Open(at(c.url + server.Addr() + "/0"))
		must(t, err)
		_, err = locks.New(client, "token-scheduler:{x}:", life, "").Acquire(t.Context(), "leader")
		end()
		var known *locks.Error
		if !errors.As(err, &known) || known.Kind != c.kind || errors.Is(err, locks.ErrHeld) {
			t.Errorf("%s: error %v", c.kind, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || !strings.Contains(locks.Advice(err), c.advice)) {
			t.Errorf("%s: error %v, advice %q", c.kind, err, locks.Advice(err))
		}
		must(t, client.Close())
	}
}

// breakSaving makes Redis fail to save. After that it takes no writes.
func breakSaving(t *testing.T, admin *redis.Client) {
	t.Helper()
	ctx := context.Background()
	dir := admin.ConfigGet(ctx, "dir").Val()["dir"]
	must(t, mkdir(dir+"/missing.rdb/x")) // a folder where the file would be
	must(t, admin.BgSave(ctx).Err())
	eventually(t, func() bool {
		return strings.Contains(admin.Info(ctx, "persistence").Val(), "rdb_last_bgsave_status:err")
	})
}

// TestSlowRedisIsNotHeld: each call that times out says so. A lease that it took
// nevertheless does not look like another process's afterwards.
func TestSlowRedisIsNotHeld(t *testing.T) {
	t.Parallel()
	var delay atomic.Int64
	addr := proxy(t, servers.PrivateRedis(t).Addr(), func() { time.Sleep(time.Duration(delay.Load())) })
	client, err := locks.Open(at("redis://" + addr))
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	locker := locks.New(client, "token-scheduler:{x}:", 30*time.Second, "")
	first, err := locker.Acquire(t.Context(), "leader")
	must(t, err)
	must(t, first.Release())
	delay.Store(int64(4500 * time.Millisecond))
	for range 2 {
		if _, err := locker.Acquire(t.Context(), "leader"); err == nil || errors.Is(err, locks.ErrHeld) || locks.Advice(err) == "" {
			t.Errorf("error %v, advice %q", err, locks.Advice(err))
		}
	}
	delay.Store(0)
	lease, err := locker.Acquire(t.Context(), "leader")
	must(t, err)
	must(t, lease.Release())
}

// TestAnswersOfNoRedis: a server that answers nil to everything, or that repeats what
// it gets, is not another process. Its errors have no password in them.
func TestAnswersOfNoRedis(t *testing.T) {
	t.Parallel()
	const password = "hunter2-is-long-enough-to-be-cut"
	for name, answer := range map[string]func(command, line string) string{
		"nil":  func(string, string) string { return "$-1\r\n" },
		"echo": func(_, line string) string { return "-ERR what is " + line + "?\r\n" },
		"an old Redis": func(command, line string) string {
			return "-ERR unknown command `" + command + "`, with args beginning with: `" + line[:min(len(line), 40)] + "`, \r\n"
		},
		"a cut echo":   func(_, line string) string { return "-DENIED " + line[:min(len(line), 45)] + "\r\n" },
		"the password": func(string, string) string { return "-" + password + " \x1b[31m\r\n" },
		"garbage":      func(string, string) string { return "HTTP/1.1 400 Bad Request\r\n\r\n" },
		"OK":           func(string, string) string { return "+OK\r\n" },
	} {
		client, err := locks.Open(at("redis://user:" + password + "@" + fake(t, answer)))
		must(t, err)
		_, err = locks.New(client, "p:", life, "").Acquire(t.Context(), "leader")
		if err == nil || errors.Is(err, locks.ErrHeld) || locks.Advice(err) == "" {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || strings.ContainsAny(text, "\r\n\x1b") {
			t.Errorf("%s: error %q", name, text)
		}
		must(t, client.Close())
	}
}

// fake is a server that answers each command as it is told.
func fake(t *testing.T, answer func(command, line string) string) (addr string) {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			n := int(lines.Text()[1] - '0')
			var words []string
			for range n {
				lines.Scan() // the length
				lines.Scan()
				words = append(words, lines.Text())
			}
			if _, err := conn.Write([]byte(answer(words[0], strings.Join(words, " ")))); err != nil {
				return
			}
		}
	})
}

// proxy forwards everything to a server, and delays each answer.
func proxy(t *testing.T, upstream string, wait func()) (addr string) {
	t.Helper()
	return listen(t, func(conn net.Conn) {
		server, err := net.Dial("tcp", upstream)
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		go func() {
			_, _ = io.Copy(server, conn)
			_ = server.Close()
		}()
		answer := make([]byte, 4096)
		for {
			n, err := server.Read(answer)
			if err != nil {
				return
			}
			wait()
			if _, err := conn.Write(answer[:n]); err != nil {
				return
			}
		}
	})
}
