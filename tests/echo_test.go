package tests

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// echo is a server that knows no command, and quotes each line that it is sent in its
// errors, raw, quoted and escaped.
func echo(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					said := lines.Text()
					if _, err := fmt.Fprintf(conn, "-ERR unknown: '%s' %q %s\r\n", said, said, url.QueryEscape(said)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// answering answers each HTTP request on a connection of its own, with whatever answer
// writes, and returns the address.
func answering(t *testing.T, answer func(conn io.Writer, request *http.Request)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				answer(conn, request)
			}
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// TestServersThatEcho: whatever a server repeats of what it was sent, no output holds
// a password.
func TestServersThatEcho(t *testing.T) {
	t.Parallel()
	const password = `s3cret"of/redis+`
	for name, env := range map[string]map[string]string{
		"redis":     {"REDIS_URL": "redis://user:" + url.QueryEscape(password) + "@" + echo(t), "REDIS_SENTINEL_HOSTS": ""},
		"sentinels": {"REDIS_URL": "redis://master", "REDIS_PASSWORD": password, "REDIS_SENTINEL_HOSTS": echo(t), "REDIS_SENTINEL_PASSWORD": password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			env["LOG_LEVEL"] = "debug"
			daemon := w.start(env)
			daemon.logs("Redis is away", "is refused")
			out := []*proc{daemon}
			for _, args := range [][]string{
				{"--check"}, {"--check", "--report=json"}, {"--status"}, {"--run-once"}, {"--run-once", "--report=json"},
			} {
				p := w.start(env, args...)
				p.wait()
				out = append(out, p)
			}
			for _, p := range out {
				text := p.stdout.String() + p.stderr.String()
				for _, form := range []string{"s3cret", "of/redis", "of%2Fredis"} {
					if strings.Contains(text, form) {
						t.Errorf("%v: %q in:\n%s", p.cmd.Args[1:], form, text)
					}
				}
			}
		})
	}
}

// TestProxyThatEchoes: a proxy repeats its credential in the status of its refusal,
// which Go makes an error of.
func TestProxyThatEchoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	proxy := answering(t, func(conn io.Writer, request *http.Request) {
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 407 refused: %s\r\n\r\n", request.Header.Get("Proxy-Authorization"))
	})
	env := map[string]string{
		"HTTPS_PROXY": "http://user:s3cretOfTheProxy@" + proxy, "PROXY": "environment", "LOG_LEVEL": "debug",
		"ZYNC_ENDPOINT": "https://zync.example.com", "PORTA_ENDPOINT": "https://porta.example.com",
	}
	d := w.start(env)
	d.logs("refused: Basic", "[redacted]")
	check := w.start(env, "--check")
	check.wait()
	text := d.stderr.String() + check.stdout.String() + check.stderr.String()
	encoded := base64.StdEncoding.EncodeToString([]byte("user:s3cretOfTheProxy"))
	if !strings.Contains(check.stdout.String(), "refused: Basic") || strings.Contains(text, encoded[8:]) || strings.Contains(text, "s3cret") {
		t.Errorf("the proxy's words:\n%s", text)
	}
}

// TestProxyIsNamed: only where a flag asks for it, and without its password.
func TestProxyIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "denied", http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	address := strings.TrimPrefix(proxy.URL, "http://")
	env := map[string]string{
		"HTTP_PROXY": "http://u:hunter2@" + address, "PROXY": "environment",
		"ZYNC_ENDPOINT": "http://zync.example.com:8080", "PORTA_ENDPOINT": "http://porta.example.com",
	}
	d := w.start(env)
	d.logs("token-scheduler starts", "zync_proxy="+proxy.URL, "porta_proxy="+proxy.URL)
	d.logs("through proxy " + proxy.URL)
	check := w.start(env, "--check")
	if check.wait(); !strings.Contains(check.stdout.String(), "through proxy "+proxy.URL) {
		t.Errorf("--check does not name it:\n%s", check.stdout)
	}
	if strings.Contains(d.stderr.String()+check.stdout.String(), "hunter2") {
		t.Error("the proxy's password was written")
	}
	env["PROXY"] = ""
	if d := w.start(env); strings.Contains(d.logs("token-scheduler starts"), "zync_proxy") {
		t.Error("a proxy that nobody asked for")
	}
}

// TestSecretOnTheCommandLine: whoever gives one is told the variable to use.
func TestSecretOnTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	d := w.start(nil, "--zync-authentication-token="+credential)
	d.logs("level=WARN", "a secret on the command line", "variable=ZYNC_AUTHENTICATION_TOKEN")
	_, findings := w.check(nil, "--zync-authentication-token="+credential)
	if !slices.ContainsFunc(findings, func(f finding) bool {
		return f.Check == "command line" && f.Result == "warning" && strings.Contains(f.Advice, "ZYNC_AUTHENTICATION_TOKEN")
	}) {
		t.Errorf("--check does not warn of it: %+v", findings)
	}
	time.Sleep(100 * time.Millisecond)
	d.stops()
}

// TestCheckOfBadConfiguration exits as any other use of it does.
func TestCheckOfBadConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	for _, args := range [][]string{{"--check", "--token-ttl=1x"}, {"--status", "--check"}} {
		if code := w.start(nil, args...).wait(); code != 2 {
			t.Errorf("%v: exit code %d, want 2", args, code)
		}
	}
}

// TestZyncThatEchoes: something in Zync's place repeats the credential in an answer that
// is no HTTP, so Go's error quotes it. The reasons of the tenants that fail have no
// secret in them: in the ledger, in the report, in the log, on the page.
func TestZyncThatEchoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	zync := answering(t, func(conn io.Writer, request *http.Request) {
		if request.Method == http.MethodGet { // for its status
			_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
			return
		}
		_, _ = fmt.Fprintf(conn, "%s %s\r\n\r\n", request.Header.Get("Authorization"), request.Header.Get("Authorization"))
	})
	w.env["ZYNC_ENDPOINT"], w.env["LOG_LEVEL"] = "http://"+zync, "debug"
	if code, r := w.once("--task=rotate", "--retry-for=3s"); code != 1 {
		t.Errorf("exit code %d, %+v", code, r)
	}
	d := w.start(nil)
	client, prefix := w.redis(), "token-scheduler:{"+w.porta.Name+"}:"
	eventually(t, "a failure in the ledger", func() bool { return client.HLen(t.Context(), prefix+"failures").Val() > 0 })
	_, page := get(t, d, "/")
	kept := fmt.Sprint(client.HGetAll(t.Context(), prefix+"failures").Val(), client.HGetAll(t.Context(), prefix+"runs").Val(),
		client.LRange(t.Context(), prefix+"history", 0, -1).Val())
	if !strings.Contains(kept, "[redacted]") {
		t.Errorf("nothing was quoted: %s", kept)
	}
	for where, text := range map[string]string{"Redis": kept, "the page": page} {
		if strings.Contains(text, credential) {
			t.Errorf("the credential is in %s: %s", where, text)
		}
	}
}
