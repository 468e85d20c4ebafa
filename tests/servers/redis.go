package servers

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Redis is a private server in its own folder.
type Redis struct {
	Port    int
	host    string
	dir     string
	args    []string
	tls     *tls.Config // nil for plain text
	process *process
}

// Addr is the server's host and port.
func (r *Redis) Addr() string { return fmt.Sprintf("%s:%d", r.host, r.Port) }

// loopback is the default address of servers.
const loopback = "127.0.0.1"

// StartRedis starts a server without persistence. extra are more options for
// redis-server.
func StartRedis(ctx context.Context, dir string, extra ...string) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, host: loopback, dir: dir}
	r.args = append([]string{
		"--port", strconv.Itoa(port), "--bind", loopback, "--dir", dir, "--save", "", "--appendonly", "no",
	}, extra...)
	return r, r.Start(ctx)
}

// startRedisOf starts a server with a certificate from an authority, or without TLS if
// that is nil. With TLS each server has its own address and certificate: the n-th
// server of a test listens at 127.0.0.n.
func startRedisOf(ctx context.Context, ca *Authority, n int, dir string, extra ...string) (*Redis, error) {
	if ca == nil {
		return StartRedis(ctx, dir, extra...)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, host: ca.host(n), dir: dir, tls: ca.Config()}
	r.args = slices.Concat([]string{"--bind", r.host, "--dir", dir, "--save", "", "--appendonly", "no"}, ca.args(r.host, port), extra)
	return r, r.Start(ctx)
}

// StartRedisTLS starts a server that uses only TLS and requires a certificate from its
// clients. The files are an authority's certificate, the server's own, and its key.
// config is used to find out whether the server answers.
func StartRedisTLS(ctx context.Context, dir, ca, cert, key string, config *tls.Config) (*Redis, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{Port: port, host: loopback, dir: dir, tls: config}
	r.args = []string{
		"--port", "0", "--tls-port", strconv.Itoa(port), "--bind", loopback, "--dir", dir, "--save", "",
		"--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "yes",
	}
	return r, r.Start(ctx)
}

// Start starts a server that was stopped or killed. Its data is gone.
func (r *Redis) Start(ctx context.Context) error {
	program, err := find("redis-server", "valkey-server")
	if err != nil {
		return err
	}
	logFile := filepath.Join(r.dir, "log")
	if r.process, err = spawn(logFile, program, r.args...); err != nil {
		return err
	}
	client := r.client()
	defer func() { _ = client.Close() }()
	return r.process.await(ctx, logFile, func(ctx context.Context) error { return client.Ping(ctx).Err() })
}

// client connects to the server.
func (r *Redis) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr(), TLSConfig: r.tls})
}

// URL is the server's URL with a database.
func (r *Redis) URL(database int) string {
	scheme := map[bool]string{true: "rediss", false: "redis"}[r.tls != nil]
	return fmt.Sprintf("%s://%s/%d", scheme, r.Addr(), database)
}

// Stop shuts the server down.
func (r *Redis) Stop() { r.process.end() }

// Kill ends the server like a crash.
func (r *Redis) Kill() { r.process.kill() }

// Remove stops the server and deletes its folder.
func (r *Redis) Remove() error {
	r.Kill()
	return os.RemoveAll(r.dir)
}
