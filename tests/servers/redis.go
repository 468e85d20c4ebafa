package servers

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Redis is a private server in a folder of its own.
type Redis struct {
	Port    int
	dir     string
	args    []string
	tls     *tls.Config // nil for plain text
	process *process
}

// Addr is the server's host and port.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// StartRedis starts a server without persistence. extra are further options of
// redis-server.
func StartRedis(ctx context.Context, dir string, extra ...string) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, dir: dir}
	r.args = append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
	}, extra...)
	return r, r.Start(ctx)
}

// StartRedisTLS starts a server that speaks TLS alone, and asks its clients for a
// certificate. The files are an authority's certificate, and the server's own with
// its key; config is how to ask the server whether it is there.
func StartRedisTLS(ctx context.Context, dir, ca, cert, key string, config *tls.Config) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, dir: dir, tls: config}
	r.args = []string{
		"--port", "0", "--tls-port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir, "--save", "",
		"--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "yes",
	}
	return r, r.Start(ctx)
}

// Start starts a server that was stopped or killed. What it held is gone.
func (r *Redis) Start(ctx context.Context) error {
	program, err := find("redis-server", "valkey-server")
	if err != nil {
		return err
	}
	logFile := filepath.Join(r.dir, "log")
	if r.process, err = spawn(logFile, program, r.args...); err != nil {
		return err
	}
	client := redis.NewClient(&redis.Options{Addr: r.Addr(), TLSConfig: r.tls})
	defer func() { _ = client.Close() }()
	return r.process.await(ctx, logFile, func(ctx context.Context) error { return client.Ping(ctx).Err() })
}

// URL names the server and a database of it.
func (r *Redis) URL(database int) string {
	return fmt.Sprintf("redis://127.0.0.1:%d/%d", r.Port, database)
}

// Stop shuts the server down.
func (r *Redis) Stop() { r.process.end() }

// Kill ends the server as a crash would.
func (r *Redis) Kill() { r.process.kill() }

// Remove stops the server and deletes its folder.
func (r *Redis) Remove() error {
	r.Kill()
	return os.RemoveAll(r.dir)
}
