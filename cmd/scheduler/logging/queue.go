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
	// Out is where the log goes, standard error as a rule.
	Out io.Writer
	// Handler makes the handler that formats lines for a writer.
	Handler func(io.Writer) slog.Handler
	// Bytes is how much may wait for the reader; 256 KiB where it is 0.
	Bytes int
}

// Queue is a log whose callers never wait for its reader.
type Queue struct {
	out     io.Writer
	log     *slog.Logger
	notice  func(lost uint64) []byte
	limit   int
	dropped atomic.Uint64
	wake    chan struct{} // holds one when there may be something to write
	ended   chan struct{} // closed when the writing goroutine has ended

	mu      sync.Mutex
	waiting []entry
	bytes   int    // of what waits
	lost    uint64 // lines that found the queue full while nothing waited
	closed  bool
}

// entry is a line that waits, and how many lines after it found the queue full.
type entry struct {
	line []byte
	lost uint64
}

// overhead is what an entry takes besides its bytes.
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

// noticeWriter returns what formats the line about lost lines, as the log's others.
func noticeWriter(handler func(io.Writer) slog.Handler) func(lost uint64) []byte {
	return func(lost uint64) []byte {
		var line bytes.Buffer
		record := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were dropped: the log's reader did not take them", 0)
		record.Add("lines", lost)
		_ = handler(&line).Handle(context.Background(), record)
		return line.Bytes()
	}
}

// Logger returns the logger that writes to the queue.
func (q *Queue) Logger() *slog.Logger { return q.log }

// Dropped returns token_scheduler_log_lines_dropped_total, to be registered.
func (q *Queue) Dropped() prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "token_scheduler_log_lines_dropped_total",
		Help: "Log lines that were lost because the log's reader was gone or too slow.",
	}, func() float64 { return float64(q.dropped.Load()) })
}

// Close waits until what is queued is written, for at most a time. It tells whether
// all of it was written. Lines that come later are dropped.
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

// writer is the queue as its handler sees it.
type writer struct{ *Queue }

// Write implements [io.Writer]. It takes a line into the queue, or drops it.
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

// drop counts a line that the queue does not take, with the last one that it took.
// The caller holds the lock.
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
	default: // it knows
	}
}
