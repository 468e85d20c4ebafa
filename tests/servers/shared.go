// Package servers starts private MariaDB and Redis servers on free ports in temporary
// folders, and deletes them afterwards. So any number of test runs can run side by
// side. TEST_DATABASE_URL and TEST_REDIS_URL name servers to use instead.
package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// shared are the servers that the tests of one package share.
var shared struct {
	mu      sync.Mutex
	mariadb *MariaDB
	redis   *Redis
	dbs     int // databases of Redis handed out
}

// Main runs a package's tests, stops the servers that they shared, and fails if
// goroutines are left. Call it from TestMain. cleanup runs after the tests.
func Main(m *testing.M, cleanup ...func()) {
	code := m.Run()
	for _, clean := range cleanup {
		clean()
	}
	if shared.mariadb != nil {
		_ = shared.mariadb.Remove()
	}
	if shared.redis != nil {
		_ = shared.redis.Remove()
	}
	if code == 0 {
		// toxiproxy leaves a goroutine now and then where a fault ends while data flows.
		toxic := goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
		if err := goleak.Find(toxic); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// MySQL returns how to connect to the server that the package's tests share, as a user
// who may create databases and users.
func MySQL(tb testing.TB) *mysql.Config {
	tb.Helper()
	if given := os.Getenv("TEST_DATABASE_URL"); given != "" {
		cfg, err := db.ParseURL(secret.New(given))
		if err != nil {
			tb.Fatalf("TEST_DATABASE_URL: %v", err)
		}
		return cfg
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.mariadb == nil {
		server, err := StartMariaDB(context.Background(), tempDir(tb))
		SkipWithout(tb, err)
		shared.mariadb = server
	}
	return shared.mariadb.Config()
}

// RedisURL returns the URL of an empty database on the server that the package's tests
// share.
func RedisURL(tb testing.TB) string {
	tb.Helper()
	if given := os.Getenv("TEST_REDIS_URL"); given != "" {
		return given // keys carry the test's own name there
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.redis == nil {
		server, err := StartRedis(context.Background(), tempDir(tb), "--databases", "1000")
		SkipWithout(tb, err)
		shared.redis = server
	}
	shared.dbs++
	return shared.redis.URL(shared.dbs)
}

// RedisClient returns a client of such a database.
func RedisClient(tb testing.TB) *redis.Client {
	tb.Helper()
	opts, err := redis.ParseURL(RedisURL(tb))
	if err != nil {
		tb.Fatal(err)
	}
	opts.ContextTimeoutEnabled = true
	client := redis.NewClient(opts)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Private starts a MariaDB and a Redis for one test, which may kill them.
func Private(tb testing.TB) (*MariaDB, *Redis) {
	tb.Helper()
	// A killed server must not lose what it has committed.
	return PrivateMariaDB(tb, "--innodb-flush-log-at-trx-commit=1"), PrivateRedis(tb)
}

// PrivateMariaDB starts a server for one test, with more options for mariadbd.
func PrivateMariaDB(tb testing.TB, extra ...string) *MariaDB {
	tb.Helper()
	server, err := StartMariaDB(context.Background(), tempDir(tb), extra...)
	SkipWithout(tb, err)
	tb.Cleanup(func() { _ = server.Remove() })
	return server
}

// PrivateRedis starts a server for one test, with more options for redis-server.
func PrivateRedis(tb testing.TB, extra ...string) *Redis {
	tb.Helper()
	server, err := StartRedis(context.Background(), tempDir(tb), extra...)
	SkipWithout(tb, err)
	tb.Cleanup(func() { _ = server.Remove() })
	return server
}

func tempDir(tb testing.TB) string {
	tb.Helper()
	// The server and its folder outlive the test that starts it. The name is short
	// because a socket is in it.
	dir, err := os.MkdirTemp("", "ts-") //nolint:usetesting // see above
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}

// SkipWithout skips a test whose programs are not installed. In CI it fails the test.
func SkipWithout(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		tb.Skip(err)
	default:
		tb.Fatal(err)
	}
}
