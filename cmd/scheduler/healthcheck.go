package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/config"
)

const healthcheckTimeout = 3 * time.Second

// healthcheck asks the daemon on this machine for /healthz. If the daemon asks for a
// password, any answer will do: the program does not know the password.
func healthcheck(ctx context.Context, listen config.Listen, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	address := loopback(listen.Address) + "/healthz"
	err := askHealth(ctx, "http://"+address)
	if err != nil && listen.WebConfig != "" {
		err = askHealth(ctx, "https://"+address)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "scheduler: not healthy:", err)
		return exitFailed
	}
	return exitDone
}

func askHealth(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{
		// The certificate names another host than localhost.
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		content, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return fmt.Errorf("it answered %d: %s", response.StatusCode, content)
	}
	return nil
}

// loopback returns the address of a listener on this machine.
func loopback(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
