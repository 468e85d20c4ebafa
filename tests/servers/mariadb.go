package servers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jmoiron/sqlx"
)

// MariaDB is a private server in its own folder.
type MariaDB struct {
	Port    int
	dir     string
	args    []string
	process *process
}

// StartMariaDB installs a fresh server in dir and starts it. extra are more options for
// mariadbd.
func StartMariaDB(ctx context.Context, dir string, extra ...string) (*MariaDB, error) {
	install, err := find("mariadb-install-db", "mysql_install_db")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	// A server that starts removes all servers' files from its temporary folder.
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, err
	}
	args := append([]string{"--no-defaults", "--force"}, append(asRoot(), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--datadir="+data, "--tmpdir="+tmp)...)
	if out, err := exec.CommandContext(ctx, install, args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(install), err, out)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	m := &MariaDB{Port: port, dir: dir}
	m.args = append([]string{
		"--no-defaults", "--datadir=" + data, "--tmpdir=" + tmp, "--socket=" + filepath.Join(dir, "s"), "--port=" + strconv.Itoa(port),
		"--pid-file=" + filepath.Join(dir, "pid"), "--bind-address=127.0.0.1", "--skip-name-resolve",
		"--innodb-flush-log-at-trx-commit=0", "--character-set-server=utf8mb3", "--collation-server=utf8mb3_bin",
	}, append(asRoot(), extra...)...)
	return m, m.Start(ctx)
}

// asRoot is the option that MariaDB requires from root.
func asRoot() []string {
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		return []string{"--user=root"}
	}
	return nil
}

// Start starts a server that was stopped or killed, with its data.
func (m *MariaDB) Start(ctx context.Context) error {
	daemon, err := find("mariadbd", "mysqld")
	if err != nil {
		return err
	}
	logFile := filepath.Join(m.dir, "log")
	if m.process, err = spawn(logFile, daemon, m.args...); err != nil {
		return err
	}
	return m.process.await(ctx, logFile, func(ctx context.Context) error {
		db, err := sqlx.Open("mysql", m.Config().FormatDSN())
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return db.PingContext(ctx)
	})
}

// Config returns how to connect as root.
func (m *MariaDB) Config() *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net = "root", "tcp"
	cfg.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(m.Port))
	cfg.Timeout = 2 * time.Second
	cfg.Logger = &mysql.NopLogger{}
	return cfg
}

// Pid is the server's process.
func (m *MariaDB) Pid() int { return m.process.cmd.Process.Pid }

// Stop shuts the server down.
func (m *MariaDB) Stop() { m.process.end() }

// Kill ends the server like a crash.
func (m *MariaDB) Kill() { m.process.kill() }

// Remove stops the server and deletes its folder.
func (m *MariaDB) Remove() error {
	m.Kill()
	return os.RemoveAll(m.dir)
}
