package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// MasterName is the Sentinels' name for their master.
const MasterName = "porta"

// Sentinels are three Sentinels that watch a master and its replica.
type Sentinels struct {
	Master, Replica *Redis
	// Hosts are the Sentinels' addresses.
	Hosts     []string
	processes []*process
	ca        *Authority // nil for plain text
}

// StartSentinels starts the five servers. Only the Sentinels require a password. It may
// be empty for none.
func StartSentinels(ctx context.Context, dir, password string) (*Sentinels, error) {
	return StartSentinelsTLS(ctx, dir, password, nil)
}

// StartSentinelsTLS starts five servers that use only TLS, each with its own address
// and certificate. If the authority is nil, they do not use TLS.
func StartSentinelsTLS(ctx context.Context, dir, password string, ca *Authority) (s *Sentinels, err error) {
	s = &Sentinels{ca: ca}
	defer func() {
		if err != nil {
			s.Remove()
		}
	}()
	sub := func(name string) string {
		path := filepath.Join(dir, name)
		_ = os.Mkdir(path, 0o700) // a server that finds none says so
		return path
	}
	if s.Master, err = startRedisOf(ctx, ca, 0, sub("master")); err != nil {
		return s, err
	}
	if s.Replica, err = startRedisOf(ctx, ca, 1, sub("replica"), "--replicaof", s.Master.host+" "+strconv.Itoa(s.Master.Port)); err != nil {
		return s, err
	}
	for i := range 3 {
		if err := s.startSentinel(ctx, sub("sentinel"+strconv.Itoa(i)), password); err != nil {
			return s, err
		}
	}
	return s, s.awaitQuorum(ctx, password)
}

func (s *Sentinels) startSentinel(ctx context.Context, dir, password string) error {
	program, err := find("redis-server", "valkey-server")
	if err != nil {
		return err
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	host, args := loopback, []string{"--port", strconv.Itoa(port)}
	if s.ca != nil {
		host = s.ca.host(2 + len(s.processes))
		args = s.ca.args(host, port)
	}
	config := fmt.Sprintf("bind %s\ndir %s\n", host, dir)
	if password != "" {
		config += "requirepass " + password + "\nsentinel sentinel-pass " + password + "\n"
	}
	config += fmt.Sprintf("sentinel monitor %[1]s %[3]s %[2]d 2\nsentinel down-after-milliseconds %[1]s 500\nsentinel failover-timeout %[1]s 2000\n",
		MasterName, s.Master.Port, s.Master.host)
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	logFile := filepath.Join(dir, "log")
	p, err := spawn(logFile, program, append([]string{file, "--sentinel"}, args...)...)
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	s.Hosts = append(s.Hosts, fmt.Sprintf("%s:%d", host, port))
	client := s.client(len(s.Hosts)-1, password)
	defer func() { _ = client.Close() }()
	return p.await(ctx, logFile, func(ctx context.Context) error { return client.Ping(ctx).Err() })
}

// awaitQuorum waits until the Sentinels know each other and the replica.
func (s *Sentinels) awaitQuorum(ctx context.Context, password string) error {
	client := s.client(0, password)
	defer func() { _ = client.Close() }()
	return await(ctx, "the Sentinels do not find each other", func(ctx context.Context) error {
		master, err := client.Master(ctx, MasterName).Result()
		if err == nil && (master["num-slaves"] != "1" || master["num-other-sentinels"] != "2") {
			err = fmt.Errorf("%s replicas, %s other Sentinels", master["num-slaves"], master["num-other-sentinels"])
		}
		return err
	})
}

func (s *Sentinels) client(n int, password string) *redis.SentinelClient {
	options := &redis.Options{Addr: s.Hosts[n], Password: password}
	if s.ca != nil {
		options.TLSConfig = s.ca.Config()
	}
	return redis.NewSentinelClient(options)
}

// Remove stops all servers.
func (s *Sentinels) Remove() {
	for _, p := range s.processes {
		p.kill()
	}
	for _, r := range []*Redis{s.Master, s.Replica} {
		if r != nil && r.process != nil {
			_ = r.Remove()
		}
	}
}
