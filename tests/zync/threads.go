package zync

import (
	"net"
	"sync"
	"time"
)

// threads accepts as many connections as Zync has threads. The others wait, as in the
// backlog of its socket.
type threads struct {
	net.Listener
	zync *Zync
}

func (t *threads) Accept() (net.Conn, error) {
	conn, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	z := t.zync
	z.mu.Lock()
	z.open++
	z.mostOpen = max(z.mostOpen, z.open)
	z.mu.Unlock()
	return &thread{Conn: conn, zync: z, opened: time.Now()}, nil
}

// thread is a connection. Its first read waits for a thread.
type thread struct {
	net.Conn
	zync   *Zync
	opened time.Time
	begin  sync.Once
	end    sync.Once
	count  sync.Once
	taken  bool
}

// answered counts the connection as closed. The client may open another one as soon as
// it has read the answer, and that is before this end is closed.
func (t *thread) answered() {
	t.count.Do(func() {
		t.zync.mu.Lock()
		defer t.zync.mu.Unlock()
		t.zync.open--
		t.zync.waited += time.Since(t.opened)
	})
}

func (t *thread) Read(p []byte) (int, error) {
	t.begin.Do(func() {
		t.zync.slots <- struct{}{}
		t.taken = true
	})
	return t.Conn.Read(p)
}

func (t *thread) Close() error {
	err := t.Conn.Close()
	t.end.Do(func() {
		t.begin.Do(func() {}) // a read that comes later takes no thread
		if t.taken {
			<-t.zync.slots
		}
		t.answered()
	})
	return err
}
