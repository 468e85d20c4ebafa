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
	Hosts    []string // host:port; none without Sentinels
	Username string
	Password secret.Text
	TLS      bool // use TLS even if Redis's URL does not ask for it
}

const sentinelPort = "26379"

// ParseSentinels reads REDIS_SENTINEL_HOSTS as Porta does: hosts separated by commas.
// Each may have redis:// or rediss://, user, password and port. The default port is
// 26379. User and password are the same as REDIS_SENTINEL_USERNAME and
// REDIS_SENTINEL_PASSWORD. All Sentinels have the same ones; an error says where they
// differ. It quotes nothing of the text.
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
		return Sentinels{}, errors.New("rediss:// must be before each of the hosts or before none")
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
		return "", errors.New("only redis:// or rediss:// may come before a host")
	case u.Hostname() == "":
		return "", errors.New("names no host")
	case strings.Contains(u.Hostname(), ":") && !strings.HasPrefix(u.Host, "["):
		return "", errors.New("an IPv6 address needs brackets")
	case u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		return "", errors.New("must be host:port and nothing more")
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

// share makes sure that all Sentinels use one user and password.
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

// CheckRole reads REDIS_SENTINEL_ROLE, with which Porta may ask for a replica. Leases
// are written, so only the master can be used.
func CheckRole(role string) error {
	switch strings.ToLower(role) {
	case "", "master":
		return nil
	case "slave", "replica":
		return errors.New("must be master: a replica takes no writes")
	}
	return errors.New("must be master")
}
