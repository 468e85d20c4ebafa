package servers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// MasterName is what the Sentinels call their master.
const MasterName = "porta"

// Sentinels are three Sentinels over a master and its replica.
type Sentinels struct {
	Master, Replica *Redis
	// Hosts are the Sentinels' addresses.
	Hosts     []string
	processes []*process
}

// StartSentinels starts the five of them. The Sentinels, and nothing else, ask for
// a password; it is empty for none.
func StartSentinels(ctx context.Context, dir, password string) (s *Sentinels, err error) {
	s = &Sentinels{}
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
	if s.Master, err = StartRedis(ctx, sub("master")); err != nil {
		return s, err
	}
	if s.Replica, err = StartRedis(ctx, sub("replica"), "--replicaof", "127.0.0.1 "+strconv.Itoa(s.Master.Port)); err != nil {
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
	config := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\n", port, dir)
	if password != "" {
		config += "requirepass " + password + "\nsentinel sentinel-pass " + password + "\n"
	}
	config += fmt.Sprintf("sentinel monitor %[1]s 127.0.0.1 %[2]d 2\nsentinel down-after-milliseconds %[1]s 500\nsentinel failover-timeout %[1]s 2000\n",
		MasterName, s.Master.Port)
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	logFile := filepath.Join(dir, "log")
	p, err := spawn(logFile, program, file, "--sentinel")
	if err != nil {
		return err
	}
	s.processes = append(s.processes, p)
	host := fmt.Sprintf("127.0.0.1:%d", port)
	s.Hosts = append(s.Hosts, host)
	client := redis.NewSentinelClient(&redis.Options{Addr: host, Password: password})
	defer func() { _ = client.Close() }()
	return p.await(ctx, logFile, func(ctx context.Context) error { return client.Ping(ctx).Err() })
}

// awaitQuorum waits until the Sentinels know of each other and of the replica.
func (s *Sentinels) awaitQuorum(ctx context.Context, password string) error {
	client := redis.NewSentinelClient(&redis.Options{Addr: s.Hosts[0], Password: password})
	defer func() { _ = client.Close() }()
	return await(ctx, "the Sentinels do not find each other", func(ctx context.Context) error {
		master, err := client.Master(ctx, MasterName).Result()
		if err == nil && (master["num-slaves"] != "1" || master["num-other-sentinels"] != "2") {
			err = fmt.Errorf("%s replicas, %s other Sentinels", master["num-slaves"], master["num-other-sentinels"])
		}
		return err
	})
}

// Remove ends them all.
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
