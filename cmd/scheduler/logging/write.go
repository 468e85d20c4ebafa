package logging

import (
	"io"
	"os/signal"
	"slices"
	"syscall"
)

// SurviveBrokenPipe makes a write to a pipe without a reader return an error. Without it
// Go ends the program by SIGPIPE if that pipe is standard output or standard error.
func SurviveBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// run writes what is queued until the queue is closed and empty.
func (q *Queue) run() {
	defer close(q.ended)
	out := lines{out: q.out}
	var lost uint64 // lines that the log has not reported yet
	say := func() {
		if lost > 0 && out.write(q.notice(lost)) {
			lost = 0
		}
	}
	for {
		next, before, more := q.take()
		if !more {
			return
		}
		lost += before
		say()
		if next.line != nil && !out.write(next.line) {
			q.dropped.Add(1)
			lost++
		}
		lost += next.lost
		say()
	}
}

// take waits for the next entry, and returns it with the number of lines that were lost
// before it. The entry is empty if lines were lost and none waits. more is false if the
// queue is closed and empty.
func (q *Queue) take() (next entry, lost uint64, more bool) {
	for {
		q.mu.Lock()
		lost, q.lost = q.lost, 0
		if len(q.waiting) > 0 {
			next = q.waiting[0]
			q.waiting = slices.Delete(q.waiting, 0, 1)
			q.bytes -= len(next.line) + overhead
		}
		closed := q.closed
		q.mu.Unlock()
		if next.line != nil || lost > 0 || closed {
			return next, lost, next.line != nil || lost > 0
		}
		<-q.wake
	}
}

// lines writes whole lines. After a line that was written in part, it begins a new line.
type lines struct {
	out  io.Writer
	torn bool
}

func (l *lines) write(line []byte) bool {
	if l.torn {
		line = slices.Concat([]byte("\n"), line)
	}
	n, err := l.out.Write(line)
	if n > 0 {
		l.torn = n < len(line)
	}
	return err == nil
}
