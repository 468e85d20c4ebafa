package db

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/token-scheduler/token-scheduler/secret"
)

// connectTimeout bounds the dialling and handshake of one connection.
const connectTimeout = 5 * time.Second

// ParseURL turns a URL as Porta writes it (mysql2:// or mysql://, percent-encoded
// user and password) into the driver's configuration. Rails' own query
// parameters (encoding, pool, reconnect, …) are for Rails and are ignored;
// "socket" names a Unix socket. The error never quotes the URL, which holds a
// password.
func ParseURL(raw secret.Text) (*mysql.Config, error) {
	u, err := url.Parse(raw.Reveal())
	if err != nil {
		return nil, errors.New("not a URL (a special character in the password must be percent-encoded)")
	}
	if u.Scheme != "mysql2" && u.Scheme != "mysql" {
		return nil, errors.New("the scheme must be mysql2 or mysql")
	}
	name := strings.TrimPrefix(u.Path, "/")
	if u.Opaque != "" || name == "" || strings.Contains(name, "/") {
		return nil, errors.New("no database: want mysql2://user:password@host:port/database")
	}
	if u.User.Username() == "" {
		return nil, errors.New("no user: want mysql2://user:password@host:port/database")
	}
	cfg := newConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = name
	if cfg.Net, cfg.Addr, err = address(u); err != nil {
		return nil, err
	}
	return cfg, nil
}

func address(u *url.URL) (network, addr string, err error) {
	if socket := u.Query().Get("socket"); socket != "" {
		return "unix", socket, nil
	}
	if u.Hostname() == "" {
		return "", "", errors.New("no host: want mysql2://user:password@host:port/database")
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", "", fmt.Errorf("port %q is not between 1 and 65535", port)
	}
	return "tcp", net.JoinHostPort(u.Hostname(), port), nil
}

// newConfig has what every connection of ours needs, whatever the URL says.
func newConfig() *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Loc = time.UTC
	cfg.ParseTime = true
	cfg.Timeout = connectTimeout
	// One round trip a statement: no prepare before and no close after it.
	cfg.InterpolateParams = true
	cfg.Logger = &mysql.NopLogger{} // it reports what the caller is told anyway
	cfg.Params = sessionSettings()
	return cfg
}
