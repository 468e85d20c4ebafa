package logging

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Queue.
type Options struct {
	// Out is where the log goes, usually standard error.
	Out io.Writer
	// Handler makes the handler that formats lines for a writer.
	Handler func(io.Writer) slog.Handler
	// Bytes is how much may wait to be written. 0 means 256 KiB.
	Bytes int
}

// Queue is a log whose callers never wait for its reader.
type Queue struct {
	out     io.Writer
	log     *slog.Logger
	notice  func(lost uint64) []byte
	limit   int
	dropped atomic.Uint64
	wake    chan struct{} // has an element when there may be something to write
	ended   chan struct{} // closed when the writing goroutine has ended

	mu      sync.Mutex
	waiting []entry
	bytes   int    // of the lines that wait
	lost    uint64 // lines that were dropped while no line waited
	closed  bool
}

// entry is a line that waits, and how many lines were dropped right after it.
type entry struct {
	line []byte
	lost uint64
}

// overhead is the memory of an entry besides its line.
const overhead = 64

// Start returns a queue that writes until it is closed.
func Start(o Options) *Queue {
	q := &Queue{
		out: o.Out, limit: o.Bytes, notice: noticeWriter(o.Handler),
		wake: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if q.limit == 0 {
		q.limit = 256 << 10
	}
	q.log = slog.New(o.Handler(writer{q}))
	go q.run()
	return q
}

// noticeWriter returns a function that formats the line about lost lines. It has the
// format of all other lines.
func noticeWriter(handler func(io.Writer) slog.Handler) func(lost uint64) []byte {
	return func(lost uint64) []byte {
		var line bytes.Buffer
		record := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped: the reader of the log was too slow or gone", 0)
		record.Add("lines", lost)
		_ = handler(&line).Handle(context.Background(), record)
		return line.Bytes()
	}
}

// Logger returns the logger that writes to the queue.
func (q *Queue) Logger() *slog.Logger { return q.log }

// Dropped returns the metric token_scheduler_log_lines_dropped_total.
func (q *Queue) Dropped() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "token_scheduler_log_lines_dropped_total",
		Help: "Log lines that were lost because the log's reader was gone or too slow.",
	}, func() float64 { return float64(q.dropped.Load()) })
}

// Close waits until the queue is written, but not longer than atMost. It returns true if
// all lines were written. Later lines are dropped.
func (q *Queue) Close(atMost time.Duration) bool {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	select {
	case <-q.ended:
		return true
	case <-timer.C:
		return false
	}
}

// writer is the queue as an [io.Writer] for its handler.
type writer struct{ *Queue }

// Write implements [io.Writer]. It adds a line to the queue, or drops it.
func (w writer) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.bytes+len(line)+overhead > w.limit {
		w.drop()
		return len(line), nil
	}
	w.waiting = append(w.waiting, entry{line: bytes.Clone(line)})
	w.bytes += len(line) + overhead
	w.signal()
	return len(line), nil
}

// drop counts a dropped line at the last line that waits, so that the log says in the
// right place how many are missing. The caller holds the lock.
func (q *Queue) drop() {
	q.dropped.Add(1)
	if last := len(q.waiting) - 1; last >= 0 {
		q.waiting[last].lost++
		return
	}
	q.lost++
	q.signal()
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default: // the goroutine is woken already
	}
}
