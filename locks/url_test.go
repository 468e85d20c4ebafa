package locks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/locks"
	"github.com/token-scheduler/token-scheduler/secret"
)

func at(url string) locks.Options { return locks.Options{URL: secret.New(url)} }

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ssl := at("unix:///run/redis.sock")
	ssl.SSL = true
	files := at("redis://x")
	files.Files.CA = "/no/such/file"
	both := at("redis://x")
	both.Cluster, both.Sentinels.Hosts = true, []string{"a:1"}
	tlsSentinels := at("redis://x")
	tlsSentinels.Sentinels = locks.Sentinels{Hosts: []string{"a:1"}, TLS: true}
	cluster := at("redis://x:6379/3")
	cluster.Cluster = true
	badNode := at("redis://x:6379?addr=y")
	badNode.Cluster = true
	for _, c := range []struct {
		options locks.Options
		want    string
	}{
		{at(""), "empty"},
		{at("http://x"), "begins with none"},
		{at("hunter2@x:6379"), "begins with none"},
		{at("redis://:hunter2@x:6379/1\n"), "line break"},
		{at(" redis://:hunter2@x:6379/1"), "space"},
		{at(`"redis://:hunter2@x:6379/1"`), "quotes"},
		{at("redis://:hun%ter2@x"), "%25"},
		{at("redis://:hunter2@x:port"), "port"},
		{at("redis://x/hunter2"), "database"},
		{at("redis://x/1?timeout=hunter2"), `unknown parameter "timeout"`},
		{at("redis://x/1?skip_verify=true"), `unknown parameter "skip_verify"`},
		{at("redis://x/1?addr=y:1"), `unknown parameter "addr"`},
		{at("redis://x/1#hunter2"), "#"},
		{badNode, "addr"},
		{cluster, "database"},
		{ssl, "unix"},
		{files, "rediss://"},
		{both, "one of the two"},
		{tlsSentinels, "rediss://"},
	} {
		client, err := locks.Open(c.options)
		if err == nil {
			_ = client.Close()
			t.Errorf("%q was taken", c.options.URL.Reveal())
			continue
		}
		if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hun") {
			t.Errorf("%q: error %q, want %q in it and no password", c.options.URL.Reveal(), err, c.want)
		}
		if c.options.Address() != "" {
			t.Errorf("%q has an address", c.options.URL.Reveal())
		}
	}
}

// TestPasswords: what people write into a URL is the password that Redis is given.
func TestPasswords(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"redis://:se#c+ret@x:6379/1":    "se#c+ret",
		"redis://:se/c?r@et@x:6379/1":   "se/c?r@et",
		"redis://u:s%23%2Bcret@x":       "s#+cret",
		"rediss://:[se]{c}ret @x:1/2":   "[se]{c}ret ",
		"unix://:se#cret@/run/a@b.sock": "se#cret",
		"redis://x:6379/1":              "",
	} {
		client, err := locks.Open(at(raw))
		must(t, err)
		if got := client.(*redis.Client).Options().Password; got != want {
			t.Errorf("%s: password %q, want %q", raw, got, want)
		}
		must(t, client.Close())
	}
}

func TestOpenKinds(t *testing.T) {
	t.Parallel()
	sentinel := at("rediss://:p@mymaster/1")
	sentinel.Sentinels.Hosts = []string{"a:26379", "b:26379"}
	cluster := at("redis://x:6379?addr=y:1")
	cluster.Cluster = true
	ssl := at("redis://x/1")
	ssl.SSL = true
	for _, c := range []struct {
		options locks.Options
		address string
	}{
		{at("redis://:p@x:6379/1"), "redis://x:6379/1"},
		{at("redis://:p@[::1]/1"), "redis://[::1]:6379/1"},
		{at("rediss://x"), "rediss://x:6379/0"},
		{ssl, "rediss://x:6379/1"},
		{at("unix:///run/redis.sock?db=2"), "unix:///run/redis.sock?db=2"},
		{sentinel, "rediss://mymaster/1 of Sentinels a:26379,b:26379"},
		{cluster, "redis://x:6379,y:1 (Cluster)"},
	} {
		if got := c.options.Address(); got != c.address {
			t.Errorf("address %q, want %q", got, c.address)
		}
		client, err := locks.Open(c.options)
		must(t, err)
		switch client := client.(type) {
		case *redis.Client:
			if !client.Options().ContextTimeoutEnabled {
				t.Errorf("%s: contexts bound no call", c.address)
			}
		case *redis.ClusterClient:
			if !client.Options().ContextTimeoutEnabled {
				t.Errorf("%s: contexts bound no call", c.address)
			}
		}
		must(t, client.Close())
	}
}

func TestOptionsDoNotPrint(t *testing.T) {
	t.Parallel()
	o := at("redis://:hunter2@x")
	o.Password, o.Sentinels.Password = secret.New("hunter3"), secret.New("hunter4")
	if got := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(got, "hunter") {
		t.Errorf("options print as %s", got)
	}
}

func TestParseSentinels(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, hosts, username, password string
		tls                             bool
		err                             string
	}{
		{text: ""},
		{text: " , "},
		{text: "a", hosts: "a:26379"},
		{text: "a:1, b ,[::1],[::1]:5,::1", err: "host 5"},
		{text: "a:1, b ,[::1],[::1]:5", hosts: "a:1 b:26379 [::1]:26379 [::1]:5"},
		{text: "redis://:hunter2@a:5000,redis://:hunter2@b:5000", hosts: "a:5000 b:5000", password: "hunter2"},
		{text: ":hunt#er+2@a:5000,:hunt#er+2@b", hosts: "a:5000 b:26379", password: "hunt#er+2"},
		{text: "rediss://u:hunter2@a,rediss://b", hosts: "a:26379 b:26379", username: "u", password: "hunter2", tls: true},
		{text: "redis://a/", hosts: "a:26379"},
		{text: "rediss://a,b", err: "before each"},
		{text: ":hunter2@a,:hunter3@b", err: "host 2"},
		{text: "u:hunter2@a,v:hunter2@b", err: "user differs"},
		{text: "http://a", err: "redis://"},
		{text: "redis://:hunter2@", err: "no host"},
		{text: "redis://a/0", err: "nothing more"},
		{text: "redis://:hun%ter@a", err: "%25"},
	} {
		s, err := locks.ParseSentinels(secret.New(c.text), "", secret.Text{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "hunt") {
				t.Errorf("%q: error %v, want %q in it and no password", c.text, err, c.err)
			}
			continue
		}
		if err != nil || strings.Join(s.Hosts, " ") != c.hosts || s.Username != c.username || s.Password.Reveal() != c.password || s.TLS != c.tls {
			t.Errorf("%q: %q, user %q, password %q, TLS %t, error %v", c.text, s.Hosts, s.Username, s.Password.Reveal(), s.TLS, err)
		}
	}
	given := secret.New("hunter2")
	if s, err := locks.ParseSentinels(secret.New("a,:hunter2@b"), "u", given); err != nil || s.Password != given || s.Username != "u" {
		t.Errorf("the same password twice: %v", err)
	}
	if _, err := locks.ParseSentinels(secret.New(":hunter3@a"), "", given); err == nil || strings.Contains(err.Error(), "hunter") {
		t.Errorf("two passwords: error %v", err)
	}
}

func TestCheckRole(t *testing.T) {
	t.Parallel()
	for role, fine := range map[string]bool{"": true, "master": true, "Master": true, "slave": false, "replica": false, "x": false} {
		if err := locks.CheckRole(role); (err == nil) != fine {
			t.Errorf("%q: error %v", role, err)
		}
	}
}
