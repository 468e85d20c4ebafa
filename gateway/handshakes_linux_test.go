package gateway

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestRefusedHandshakes: a client that comes before the end is served, and one that comes
// at the last moment is not reset.
func TestRefusedHandshakes(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dial := func() error {
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), 200*time.Millisecond)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close() })
		}
		return err
	}
	if err := dial(); err != nil {
		t.Fatal(err)
	}
	if err := refuseHandshakes(listener.(syscall.Conn)); err != nil {
		t.Skip(err) // a sandbox that allows no filters
	}
	if err := dial(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a client that came at the last moment: %v", err)
	}
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
