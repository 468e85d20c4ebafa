package listen

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener with connections in memory, so that the test can use virtual time.
type pipes struct{ accepted chan net.Conn }

func (p pipes) Accept() (net.Conn, error) {
	if c, open := <-p.accepted; open {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error { close(p.accepted); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestTimeOuts: a connection is closed after a time if its header is not complete, no
// further request comes, or the client does not read.
func TestTimeOuts(t *testing.T) {
	for name, c := range map[string]struct {
		send string
		read bool
		want time.Duration
	}{
		"silent":      {"", true, headerTimeout},
		"half header": {"GET / HTTP/1.1\r\n", true, headerTimeout},
		"idle":        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true, idleTimeout},
		"never reads": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, 10*time.Second + transfer},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := Options{Log: slog.New(slog.DiscardHandler), Handler: http.NotFoundHandler()}
				o.setDefaults()
				bound := pipes{make(chan net.Conn)}
				s := newServer(newListener(bound, o.Connections, newReports(o.Log)), o)
				go func() {
					if err := s.Serve(""); !errors.Is(err, http.ErrServerClosed) {
						t.Errorf("Serve: %v", err)
					}
				}()
				client, server := net.Pipe()
				bound.accepted <- server
				began := time.Now()
				_, _ = io.WriteString(client, c.send)
				if !c.read {
					time.Sleep(c.want + time.Second)
				}
				_, _ = io.Copy(io.Discard, client)
				if took := time.Since(began).Truncate(time.Second); took > c.want+time.Second {
					t.Errorf("cut off after %s, want %s", took, c.want)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestLimit(t *testing.T) {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	all := int(min(files.Cur, 1<<20))
	for _, c := range []struct{ wanted, reserve, each, want int }{
		{64, 1 << 30, 1, fewest}, {5, 0, 1, 5}, {all, all - 100, 1, 50}, {all, all - 100, 2, 25},
	} {
		if got := limit(c.wanted, c.reserve, c.each); got != c.want {
			t.Errorf("%d wanted, %d kept: %d, want %d", c.wanted, c.reserve, got, c.want)
		}
	}
}
