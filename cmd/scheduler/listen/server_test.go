package listen_test

import (
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

const request = "GET / HTTP/1.1\r\nHost: x\r\n"

func TestHeaderIsBounded(t *testing.T) {
	s := serve(t, 0, "")
	for size, want := range map[int]string{4 << 10: "200", 9 << 10: "431"} {
		conn := s.send(t, request+"X: "+strings.Repeat("x", size)+"\r\n\r\n")
		answer := make([]byte, len("HTTP/1.1 200"))
		if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "HTTP/1.1 "+want {
			t.Errorf("%d bytes: %q, %v; want %s", size, answer, err, want)
		}
	}
}

// TestMegabytesOfHeader: 150 clients that send a megabyte of header each use no memory.
func TestMegabytesOfHeader(t *testing.T) {
	s := serve(t, 0, "")
	megabyte := []byte("X: " + strings.Repeat("x", 1<<20))
	before, most := heap(), uint64(0)
	var clients sync.WaitGroup
	for range 150 {
		conn := s.send(t, request)
		clients.Go(func() { _, _ = conn.Write(megabyte) })
		most = max(most, heap())
	}
	s.mustAnswer(t)
	most = max(most, heap())
	if most > before+16<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, most)
	}
	_ = s.Close()
	clients.Wait()
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestIdleClientsStarveNobody: clients hold their connections open after nothing, half a
// header, or a whole request. Others are still served.
func TestIdleClientsStarveNobody(t *testing.T) {
	s := serve(t, 8, "")
	for _, text := range []string{"", request, request + "\r\n"} {
		for range 30 {
			s.send(t, text)
		}
		s.mustAnswer(t)
	}
	if !strings.Contains(s.log.String(), "too many connections") {
		t.Errorf("nothing is said of it: %s", s.log)
	}
}

// TestClientsNeverRead: 1,100 clients send a request and do not read the answer.
func TestClientsNeverRead(t *testing.T) {
	s := serve(t, 0, "")
	const clients = 1100
	for range clients {
		s.send(t, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	time.Sleep(500 * time.Millisecond) // until their answers are stuck
	s.mustAnswer(t)
	for range clients {
		s.send(t, strings.Repeat(request+"\r\n", 10))
	}
	s.mustAnswer(t)
}

// TestWorkIsNotCut: a connection is not closed while its handler works. A new connection
// is refused until one handler has answered.
func TestWorkIsNotCut(t *testing.T) {
	s := serve(t, 4, "")
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			if code, err := s.get("/wait"); code != http.StatusOK {
				t.Errorf("%d, %v", code, err)
			}
		})
	}
	for range 4 {
		<-s.arrived
	}
	if code, err := s.get("/"); err == nil {
		t.Errorf("a fifth is answered: %d", code)
	}
	close(s.wait)
	clients.Wait()
	s.mustAnswer(t)
}

// TestReportsGoToTheLog: reports of net/http are lines of our log, and only a few of them
// are logged.
func TestReportsGoToTheLog(t *testing.T) {
	s := serve(t, 0, "")
	for range 100 {
		_, _ = s.get("/panic")
	}
	_ = s.Close()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	if len(lines) == 0 || len(lines) > 10 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, `{"time":`) || !strings.Contains(line, "panic serving") || len(line) > 4<<10 {
			t.Errorf("line %q", line)
		}
	}
}
