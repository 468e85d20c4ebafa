package locks

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/token-scheduler/token-scheduler/secret"
)

// target is a Redis as its URL describes it.
type target struct {
	network  string // tcp or unix
	addr     string
	others   []string // further nodes of a Cluster
	username string
	password secret.Text
	db       int
	tls      bool
	secrets  []secret.Text // all that must not be printed
}

// parseURL reads a URL. The error says what is wrong. It quotes only the name of a
// parameter, because anything else may be a part of the password.
func parseURL(text secret.Text, cluster bool) (target, error) {
	raw := text.Reveal()
	if err := wrongByLook(raw); err != nil {
		return target{}, err
	}
	u, err := url.Parse(escapeUser(raw))
	if err != nil {
		return target{}, wrongURL(err)
	}
	t := target{}
	if t.others, err = parameters(u, cluster); err != nil {
		return target{}, err
	}
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return target{}, errors.New("must be redis://host:port/database, and the database a number")
	}
	if cluster && o.DB != 0 {
		return target{}, errors.New("names a database: a Redis Cluster has only database 0")
	}
	t.network, t.addr, t.username, t.password, t.db, t.tls = o.Network, o.Addr, o.Username, secret.New(o.Password), o.DB, o.TLSConfig != nil
	return t, nil
}

// wrongByLook finds common mistakes before the URL is parsed.
func wrongByLook(raw string) error {
	switch {
	case raw == "":
		return errors.New("is empty")
	case strings.TrimRight(raw, "\r\n") != raw:
		return errors.New("ends in a line break")
	case strings.TrimSpace(raw) != raw:
		return errors.New("begins or ends with a space")
	case strings.Trim(raw, `"'`) != raw:
		return errors.New("is in quotes: remove them")
	case !slices.ContainsFunc([]string{"redis://", "rediss://", "unix://"}, func(scheme string) bool { return strings.HasPrefix(raw, scheme) }):
		return errors.New("begins with none of redis://, rediss:// and unix://")
	}
	return nil
}

// escapeUser escapes characters in a user or password that would end it in a URL, such
// as #, ? and /. A plus is a plus. What is already escaped stays.
func escapeUser(raw string) string {
	scheme, rest, _ := strings.Cut(raw, "://")
	at := strings.LastIndex(rest, "@")
	if scheme == "unix" {
		at = strings.Index(rest, "@/") // a path may hold an @, too
	}
	if at < 0 {
		return raw
	}
	escape := strings.NewReplacer("#", "%23", "?", "%3F", "/", "%2F", "@", "%40", "[", "%5B", "]", "%5D", " ", "%20", `"`, "%22",
		"<", "%3C", ">", "%3E", "^", "%5E", "`", "%60", "{", "%7B", "|", "%7C", "}", "%7D", `\`, "%5C")
	return scheme + "://" + escape.Replace(rest[:at]) + rest[at:]
}

func wrongURL(err error) error {
	var escape url.EscapeError
	switch {
	case errors.As(err, &escape):
		return errors.New("has a % that is not part of an escape: write %25 for a %")
	case strings.Contains(err.Error(), "invalid port"):
		return errors.New("its port is not a number")
	}
	return errors.New("is not a URL of the form redis://user:password@host:port/database")
}

// parameters removes a URL's parameters and returns the nodes among them. An unknown
// parameter is an error: it may ask for something that the program does not do.
func parameters(u *url.URL, cluster bool) (nodes []string, err error) {
	if u.Fragment != "" {
		return nil, errors.New("has a # after the host")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("its parameters can't be read")
	}
	for name, values := range query {
		switch {
		case name == "db" && !cluster:
		case name == "addr" && cluster:
			nodes = append(nodes, values...)
		default:
			return nil, fmt.Errorf("unknown parameter %.40q", name)
		}
	}
	for _, node := range nodes {
		if host, port, err := net.SplitHostPort(node); err != nil || host == "" || port == "" {
			return nil, errors.New("its parameter addr is not host:port")
		}
	}
	query.Del("addr")
	u.RawQuery = query.Encode()
	return nodes, nil
}
