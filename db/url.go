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

// connectTimeout limits the connection and handshake.
const connectTimeout = 5 * time.Second

// ParseURL converts a URL as Porta writes it (mysql2:// or mysql://, with
// percent-encoded user and password) into the driver's configuration, without TLS. Of
// the parameters, "socket" names a Unix socket. [Options.CheckTLS] reads those of TLS.
// Those of Rails (encoding, pool, reconnect, …) are ignored. Any other is an error that
// names it. No error quotes the URL, which has a password in it.
func ParseURL(raw secret.Text) (*mysql.Config, error) {
	u, err := parse(raw.Reveal())
	if err != nil {
		return nil, err
	}
	name := strings.TrimPrefix(u.Path, "/")
	if u.Opaque != "" || name == "" || strings.Contains(name, "/") {
		return nil, errors.New("no database: want mysql2://user:password@host:port/database")
	}
	if u.User.Username() == "" {
		return nil, errors.New("no user: want mysql2://user:password@host:port/database")
	}
	parameters, err := parametersOf(u)
	if err != nil {
		return nil, err
	}
	cfg := newConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.DBName = name
	if cfg.Net, cfg.Addr, err = address(u, parameters["socket"]); err != nil {
		return nil, err
	}
	return cfg, nil
}

// parse reads the URL, or says why it can't be read.
func parse(raw string) (*url.URL, error) {
	if err := misquoted(raw); err != nil {
		return nil, err
	}
	scheme, rest, found := strings.Cut(raw, ":")
	switch {
	case found && (scheme == "mysql2" || scheme == "mysql"):
	case strings.HasPrefix(scheme, "postgres"), strings.HasPrefix(scheme, "oracle"):
		return nil, errors.New("PostgreSQL and Oracle are not supported: the scheme must be mysql2 or mysql")
	default:
		return nil, errors.New("the scheme must be mysql2 or mysql")
	}
	u, err := url.Parse(raw)
	if err == nil {
		return u, nil
	}
	authority, path, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	at := strings.LastIndex(authority, "@")
	host := authority[at+1:]
	colon := strings.LastIndex(host, ":")
	_, notNumber := strconv.Atoi(host[colon+1:])
	if at >= 0 && colon >= 0 && notNumber != nil && !strings.Contains(path, "@") {
		return nil, errors.New("the port is not a number")
	}
	return nil, errors.New("not a URL (a special character in the password must be percent-encoded)")
}

// misquoted finds what a shell, an editor or a Secret has added to the URL.
func misquoted(raw string) error {
	switch {
	case strings.HasSuffix(raw, "\n"), strings.HasSuffix(raw, "\r"):
		return errors.New("it ends in a line break")
	case strings.TrimSpace(raw) != raw:
		return errors.New("it begins or ends with a blank")
	case strings.HasPrefix(raw, `"`), strings.HasPrefix(raw, `'`):
		return errors.New("it is in quotes")
	case strings.ContainsFunc(raw, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("it holds a control character or a line break")
	}
	return nil
}

func address(u *url.URL, socket string) (network, addr string, err error) {
	if socket != "" {
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

// newConfig has what every connection of the program needs, whatever the URL says.
func newConfig() *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.Loc = time.UTC
	cfg.ParseTime = true
	cfg.Timeout = connectTimeout
	// One round trip for a statement: no prepare before it and no close after it.
	cfg.InterpolateParams = true
	cfg.Logger = &mysql.NopLogger{} // the caller gets the same as an error
	cfg.Params = sessionSettings()
	return cfg
}
