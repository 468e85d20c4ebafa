package listen_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/listen"
)

// serveWithFewFiles runs in a process that may open few files. Clients hold as many
// connections as they get, and the process opens files for its work.
func serveWithFewFiles() {
	s, err := listen.Listen(context.Background(), listen.Options{
		Address: "127.0.0.1:0", Handler: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = s.Serve("") }()
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the clients are there
	for range 32 {
		if _, err := os.Open(os.Args[0]); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println("enough")
}

func TestDescriptorsAreKeptForTheWork(t *testing.T) {
	process := exec.Command("sh", "-c", `ulimit -n 64 && exec "$0"`, os.Args[0])
	process.Env = append(os.Environ(), fewFiles+"=1")
	stdin, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	var address, verdict string
	if _, err := fmt.Fscanln(stdout, &address); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if code, err := getFrom(t.Context(), address, "/"); code != http.StatusNotFound {
		t.Errorf("%d, %v", code, err)
	}
	_ = stdin.Close()
	if _, err := fmt.Fscanln(stdout, &verdict); err != nil || verdict != "enough" {
		t.Errorf("%q, %v", verdict, err)
	}
	if err := process.Wait(); err != nil {
		t.Error(err)
	}
}
