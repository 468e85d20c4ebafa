package locks

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Sentinels are the Redis Sentinels to ask for the master.
type Sentinels struct {
	Hosts    []string // host:port; none where no Sentinel is used
	Username string
	Password secret.Text
	TLS      bool // they speak TLS though the URL of Redis asks for none
}

const sentinelPort = "26379"

// ParseSentinels reads REDIS_SENTINEL_HOSTS as Porta does: hosts separated by
// commas, each with or without redis:// or rediss://, user, password and port, which
// is 26379 by default. The user and password are those of REDIS_SENTINEL_USERNAME
// and REDIS_SENTINEL_PASSWORD. The Sentinels share one user and password; an error
// says where two of them differ. It quotes nothing of the text.
func ParseSentinels(text secret.Text, username string, password secret.Text) (Sentinels, error) {
	s := Sentinels{Username: username, Password: password}
	schemes := map[string]bool{}
	n := 0
	for entry := range strings.SplitSeq(text.Reveal(), ",") {
		if entry = strings.TrimSpace(entry); entry == "" {
			continue
		}
		n++
		scheme, err := s.add(entry)
		if err != nil {
			return Sentinels{}, fmt.Errorf("host %d: %w", n, err)
		}
		schemes[scheme] = true
	}
	s.TLS = schemes["rediss"]
	if s.TLS && len(schemes) > 1 {
		return Sentinels{}, errors.New("rediss:// must stand before each of the hosts or before none")
	}
	return s, nil
}

// add reads one entry and returns its scheme.
func (s *Sentinels) add(entry string) (scheme string, err error) {
	if !strings.Contains(entry, "://") {
		entry = "redis://" + entry
	}
	u, err := url.Parse(escapeUser(entry))
	switch {
	case err != nil:
		return "", wrongURL(err)
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return "", errors.New("want redis:// or rediss:// before a host, or nothing")
	case u.Hostname() == "":
		return "", errors.New("names no host")
	case strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "["):
		return "", errors.New("want brackets around an IPv6 address")
	case u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return "", errors.New("want host:port and nothing behind it")
	}
	if password, given := u.User.Password(); given {
		if err := s.share(u.User.Username(), secret.New(password)); err != nil {
			return "", err
		}
	}
	port := u.Port()
	if port == "" {
		port = sentinelPort
	}
	s.Hosts = append(s.Hosts, net.JoinHostPort(u.Hostname(), port))
	return u.Scheme, nil
}

// share has all Sentinels use one user and password.
func (s *Sentinels) share(username string, password secret.Text) error {
	if !s.Password.Empty() && s.Password != password {
		return errors.New("its password differs from another host's or from REDIS_SENTINEL_PASSWORD: give one for all")
	}
	if username != "" && s.Username != "" && s.Username != username {
		return errors.New("its user differs from another host's or from REDIS_SENTINEL_USERNAME: give one for all")
	}
	s.Password = password
	if username != "" {
		s.Username = username
	}
	return nil
}

// CheckRole reads REDIS_SENTINEL_ROLE, with which Porta may ask for a replica. A
// lease is written, so that only the master is of use here.
func CheckRole(role string) error {
	switch strings.ToLower(role) {
	case "", "master":
		return nil
	case "slave", "replica":
		return errors.New("a replica takes no writes: want master")
	}
	return errors.New("want master")
}
