package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/secret"
)

// Problems is the error of a configuration that can't be used: all that is wrong,
// each with the names of the flag and the variable.
type Problems []string

// Error implements error.
func (p Problems) Error() string {
	return strings.Join(append([]string{"the configuration is not usable:"}, p...), "\n  ")
}

func (p *Problems) add(setting string, err error) {
	*p = append(*p, setting+": "+err.Error())
}

func (p *Problems) err() error {
	if len(*p) == 0 {
		return nil
	}
	return *p
}

func (p *Problems) missing(setting string) { p.add(setting, errors.New("required")) }

func (p *Problems) duration(setting, value string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil {
		p.add(setting, fmt.Errorf("%q is not a duration such as 90s, 10m or 24h", value))
	} else if d < least {
		p.add(setting, fmt.Errorf("%s is less than %s", value, least))
	}
	return d
}

func (p *Problems) oneOf(setting, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		p.add(setting, fmt.Errorf("%q is none of %s", value, strings.Join(choices, ", ")))
	}
}

func (p *Problems) address(setting, value string) {
	if _, port, err := net.SplitHostPort(value); err != nil || port == "" {
		p.add(setting, errors.New("want host:port or :port"))
	}
}

func (p *Problems) httpURL(setting, value string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		p.add(setting, errors.New("want http://host or https://host"))
	}
}

// authority checks a CA file for an endpoint. TLS that is asked for is done or refused.
func (p *Problems) authority(setting, file, endpoint string) secret.TLSFiles {
	files := secret.TLSFiles{CA: file}
	if file == "" {
		return files
	}
	if _, err := files.Load(); err != nil {
		p.add(setting, err)
	}
	if strings.HasPrefix(endpoint, "http://") {
		p.add(setting, errors.New("is given, yet the endpoint says http://: use https://"))
	}
	return files
}
