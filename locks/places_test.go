package locks_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// shortDir is a folder with a name short enough for sockets in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ts-") //nolint:usetesting // see above
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// take takes a lease and gives it up again.
func take(t *testing.T, o locks.Options) error {
	t.Helper()
	client, err := locks.Open(o)
	must(t, err)
	defer func() { _ = client.Close() }()
	lease, err := locks.New(client, "token-scheduler:{x}:", life, "").Acquire(t.Context(), "leader")
	if err != nil {
		return err
	}
	return lease.Release()
}

// TestSentinels: Sentinels, master and replica use TLS, each with its own address and
// certificate. A master's name that they do not know is not a lease that another
// process holds.
func TestSentinels(t *testing.T) {
	t.Parallel()
	ca := servers.NewAuthority(t)
	const password = "of-the-sentinels"
	s, err := servers.StartSentinelsTLS(t.Context(), shortDir(t), password, ca)
	servers.SkipWithout(t, err)
	t.Cleanup(s.Remove)
	hosts := "rediss://:" + password + "@" + strings.Join(s.Hosts, ",rediss://:"+password+"@")
	sentinels, err := locks.ParseSentinels(secret.New(hosts), "", secret.Text{})
	must(t, err)
	options := func(url string, change func(*locks.Options)) locks.Options {
		o := at(url)
		o.Sentinels, o.Files.CA = sentinels, ca.File
		change(&o)
		return o
	}
	right := "rediss://" + servers.MasterName + "/1"
	for _, c := range []struct {
		name    string
		options locks.Options
		want    locks.Kind // empty where it works
	}{
		{"as it should be", options(right, func(*locks.Options) {}), ""},
		{"with REDIS_SSL", options("redis://"+servers.MasterName+"/1", func(o *locks.Options) { o.SSL = true }), ""},
		{"another name", options("rediss://other/1", func(*locks.Options) {}), locks.UnknownMaster},
		{"another authority", options(right, func(o *locks.Options) { o.Files.CA = servers.NewAuthority(t).File }), locks.Authority},
		{"a wrong password", options(right, func(o *locks.Options) { o.Sentinels.Password = secret.New("hunter2") }), locks.WrongPass},
		{"no password", options(right, func(o *locks.Options) { o.Sentinels.Password = secret.Text{} }), locks.NoAuth},
		{"no TLS", options("redis://"+servers.MasterName+"/1", func(o *locks.Options) {
			o.Sentinels.TLS, o.Files.CA = false, ""
		}), locks.Closed},
	} {
		err := take(t, c.options)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		var known *locks.Error
		if !errors.As(err, &known) || known.Kind != c.want || errors.Is(err, locks.ErrHeld) || locks.Advice(err) == "" {
			t.Errorf("%s: error %v", c.name, err)
		}
		if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: error %v holds a password", c.name, err)
		}
	}
	client, err := locks.Open(options("rediss://other/1", func(*locks.Options) {}))
	must(t, err)
	defer func() { _ = client.Close() }()
	if err := client.Get(t.Context(), "x").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Errorf("a key of a master that nobody knows: %v", err)
	}
	if _, held, err := locks.Holder(t.Context(), client, "x"); held || err == nil {
		t.Errorf("a lease of a master that nobody knows: held %t, %v", held, err)
	}
}

// TestClusterOverTLS: each node has its own address and certificate, and the user has
// only the rights that the README asks for.
func TestClusterOverTLS(t *testing.T) {
	t.Parallel()
	ca := servers.NewAuthority(t)
	c, err := servers.StartClusterTLS(t.Context(), shortDir(t), ca)
	servers.SkipWithout(t, err)
	t.Cleanup(c.Remove)
	for _, node := range c.Nodes {
		client := redis.NewClient(&redis.Options{Addr: node.Addr(), TLSConfig: ca.Config()})
		args := []any{"ACL", "SETUSER", "u", "on", ">hunter2"}
		for rule := range strings.FieldsSeq(locks.ACL) {
			args = append(args, rule)
		}
		must(t, client.Do(t.Context(), args...).Err())
		must(t, client.Close())
	}
	for _, node := range c.Nodes { // whichever is asked first
		o := at("rediss://u:hunter2@" + node.Addr())
		o.Cluster, o.Files.CA = true, ca.File
		must(t, take(t, o))
	}
	o := at("rediss://u:hunter3@" + c.Nodes[0].Addr())
	o.Cluster, o.Files.CA = true, ca.File
	if err := take(t, o); err == nil || strings.Contains(err.Error(), "hunter3") || !strings.Contains(locks.Advice(err), "password is wrong") {
		t.Errorf("a wrong password: %v; %s", err, locks.Advice(err))
	}
	master, err := c.MasterOf(t.Context(), "token-scheduler:{x}:leader")
	must(t, err)
	for _, node := range c.Nodes {
		if node == master {
			continue
		}
		o := at("rediss://u:hunter2@" + node.Addr())
		o.Files.CA = ca.File
		if err := take(t, o); !strings.Contains(locks.Advice(err), "REDIS_CLUSTER") {
			t.Errorf("a node asked as if it were alone: %v; %s", err, locks.Advice(err))
		}
		break
	}
}
