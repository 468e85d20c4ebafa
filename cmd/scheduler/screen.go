package main

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// screen is standard error. It shows the log and, on a terminal, the progress of a
// run by hand below it.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	bar *progressbar.ProgressBar // nil while there is nothing to show
}

func newScreen(w io.Writer) *screen { return &screen{w: w} }

func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Write writes log lines. If there is a progress bar, they go above it.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
		defer func() { _ = s.bar.RenderBlank() }()
	}
	return s.w.Write(p)
}

// follow returns a function that shows how far a run is, and one that removes the
// bar. Without a terminal it shows nothing.
func (s *screen) follow(task string) (progress func(tasks.Progress), end func()) {
	if !isTerminal(s.w) {
		return nil, func() {}
	}
	progress = func(p tasks.Progress) {
		done, total := p.Done, p.Total
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bar == nil {
			s.bar = newBar(s.w, task, total)
		}
		if total > 0 && s.bar.GetMax() != total {
			s.bar.ChangeMax(total)
		}
		if total > 0 {
			done = min(done, total-1) // the bar is removed when the run ends, not with its last item
		}
		_ = s.bar.Set(done)
	}
	return progress, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bar != nil {
			_ = s.bar.Clear()
			s.bar = nil
		}
	}
}

func newBar(w io.Writer, task string, total int) *progressbar.ProgressBar {
	if total <= 0 {
		total = -1 // not known
	}
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(task), progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetRenderBlankState(true),
		// Without an interval it draws only when told to, so never without our lock.
		progressbar.OptionSetSpinnerChangeInterval(0), progressbar.OptionUseANSICodes(true))
}
