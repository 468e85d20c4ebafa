package db

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// parametersOf reads the parameters after a URL's question mark. Each may occur once.
// An unknown one is an error.
func parametersOf(u *url.URL) (map[string]string, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the parameters after ? can't be read")
	}
	parameters := make(map[string]string, len(query))
	for name, values := range query {
		switch {
		case slices.Contains(ofTLS(), name), name == "socket":
		case slices.Contains(ofRails(), name):
			continue
		case name == "sslcapath", name == "sslcipher", name == "flags":
			return nil, fmt.Errorf("parameter %s is not supported", name)
		default:
			return nil, fmt.Errorf("unknown parameter %s", printable(name))
		}
		if len(values) > 1 {
			return nil, fmt.Errorf("parameter %s is given twice", name)
		}
		parameters[name] = values[0]
	}
	return parameters, nil
}

// ofTLS are the parameters that [sslOf] reads.
func ofTLS() []string { return []string{"ssl_mode", "sslca", "sslcert", "sslkey", "sslverify", "tls"} }

// ofRails are the parameters that only Porta's own connections use.
func ofRails() []string {
	return []string{
		"adapter", "advisory_locks", "automatic_reconnect", "charset", "checkout_timeout", "collation", "connect_timeout",
		"connection_retries", "database_tasks", "default_timezone", "encoding", "found_rows", "idle_timeout", "keepalive",
		"local_infile", "max_age", "max_connections", "migrations_paths", "min_connections", "pool", "pool_jitter",
		"prepared_statements", "query_cache", "read_timeout", "reaping_frequency", "reconnect", "retry_deadline",
		"schema_dump", "statement_limit", "strict", "use_metadata_table", "wait_timeout", "write_timeout",
	}
}

// sslOf reads TLS from a URL's parameters: mysql2's own ones, and the Go driver's tls.
func sslOf(parameters map[string]string) (SSL, error) {
	s := SSL{Mode: parameters["ssl_mode"], CA: parameters["sslca"], Cert: parameters["sslcert"], Key: parameters["sslkey"]}
	for name, modes := range map[string]map[string]string{
		"sslverify": {"true": SSLVerifyIdentity, "1": SSLVerifyIdentity, "false": SSLRequired, "0": SSLRequired},
		"tls":       {"true": SSLVerifyIdentity, "false": SSLDisabled, "skip-verify": SSLRequired, "preferred": SSLPreferred},
	} {
		value, given := parameters[name]
		if !given {
			continue
		}
		mode, known := modes[strings.ToLower(value)]
		if !known {
			return s, fmt.Errorf("parameter %s has a value that is not known", name)
		}
		if s.Mode != "" && normal(s.Mode) != mode {
			return s, fmt.Errorf("parameter %s contradicts another parameter", name)
		}
		s.Mode = mode
	}
	return s, nil
}

// and merges what a URL says about TLS with what the flags say. They may not contradict
// each other.
func (s SSL) and(other SSL) (SSL, error) {
	s.Mode, other.Mode = normal(s.Mode), normal(other.Mode)
	for _, part := range []struct {
		name        string
		mine, other *string
	}{
		{"the mode", &s.Mode, &other.Mode}, {"the CA", &s.CA, &other.CA},
		{"the certificate", &s.Cert, &other.Cert}, {"the key", &s.Key, &other.Key},
	} {
		switch {
		case *part.mine == "":
			*part.mine = *part.other
		case *part.other != "" && *part.mine != *part.other:
			return s, fmt.Errorf("%s in DATABASE_URL and in DATABASE_SSL_… differ", part.name)
		}
	}
	return s, nil
}

// normal returns a mode as mysql2 reads it: in any case, with or without its prefix.
func normal(mode string) string { return strings.TrimPrefix(strings.ToLower(mode), "ssl_mode_") }
