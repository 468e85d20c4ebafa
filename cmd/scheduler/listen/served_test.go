package listen_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/listen"
)

// fewFiles is set in a process that may open 64 files.
const fewFiles = "SERVE_WITH_FEW_FILES"

func TestMain(m *testing.M) {
	if os.Getenv(fewFiles) != "" {
		serveWithFewFiles()
		return
	}
	goleak.VerifyTestMain(m)
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// served is a server under test. It answers "ok". At /big it answers with more than a
// socket's buffer holds, at /panic it panics, at /wait it waits for the channel.
type served struct {
	*listen.Server
	log  *buffer
	wait chan struct{}
	big  []byte

	arrived chan struct{} // one for each request for /wait
}

func serve(t *testing.T, connections int, webConfig string) *served {
	t.Helper()
	s := &served{log: &buffer{}, wait: make(chan struct{}), big: make([]byte, 8<<20), arrived: make(chan struct{}, 4)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.big) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("two\nlines") })
	mux.HandleFunc("/wait", func(w http.ResponseWriter, _ *http.Request) {
		s.arrived <- struct{}{}
		<-s.wait
		_, _ = io.WriteString(w, "ok")
	})
	var err error
	s.Server, err = listen.Listen(t.Context(), listen.Options{
		Address: "127.0.0.1:0", Handler: mux, Connections: connections, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	var end sync.WaitGroup
	end.Go(func() {
		if err := s.Serve(webConfig); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		end.Wait()
	})
	return s
}

// send opens a connection and writes a text. It returns nil if the connection is refused.
func (s *served) send(t *testing.T, text string) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.Addr().String())
	if errors.Is(err, syscall.ECONNRESET) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = io.WriteString(conn, text) // the server may have closed it already
	return conn
}

// get sends a request on a new connection, as a probe does.
func (s *served) get(path string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return getFrom(ctx, s.Addr().String(), path)
}

func getFrom(ctx context.Context, address, path string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
	if err != nil {
		return 0, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func (s *served) mustAnswer(t *testing.T) {
	t.Helper()
	began := time.Now()
	if code, err := s.get("/"); code != http.StatusOK {
		t.Errorf("after %s: %d, %v", time.Since(began), code, err)
	}
}
