package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// checker gathers what is wrong, each with the flag's and the variable's name.
type checker struct{ problems []string }

func (c *checker) bad(setting string, err error) {
	c.problems = append(c.problems, setting+": "+err.Error())
}

func (c *checker) require(setting, value string) bool {
	if value == "" {
		c.bad(setting, errors.New("required"))
	}
	return value != ""
}

func (c *checker) duration(setting, value string, least time.Duration) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil {
		c.bad(setting, fmt.Errorf("%q is not a duration such as 90s, 10m or 24h", value))
	} else if d < least {
		c.bad(setting, fmt.Errorf("%s is less than %s", value, least))
	}
	return d
}

func (c *checker) oneOf(setting, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		c.bad(setting, fmt.Errorf("%q is none of %s", value, strings.Join(choices, ", ")))
	}
}

func (c *checker) httpURL(setting, value string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		c.bad(setting, errors.New("want http://host or https://host"))
	}
}

func (c *checker) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return configError(c.problems)
}

// configError is all that is wrong with the configuration.
type configError []string

// Error implements error.
func (e configError) Error() string {
	return strings.Join(append([]string{"the configuration is not usable:"}, e...), "\n  ")
}
