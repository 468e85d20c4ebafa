package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopping is how the program is told to stop, in two steps: at first to come to
// an end, later to break off.
type stopping struct {
	// drain is closed by the first SIGTERM or SIGINT.
	drain chan struct{}
	// ctx ends when the grace after it has passed.
	ctx    context.Context //nolint:containedctx // it is the program's own life
	cancel context.CancelCauseFunc
	quit   chan struct{}
}

var errGraceOver = errors.New("told to stop, and the grace is over")

// watchSignals waits for signals until ignore is called. A second signal ends
// the process at once.
func watchSignals(ctx context.Context, grace time.Duration, log *slog.Logger) *stopping {
	s := &stopping{drain: make(chan struct{}), quit: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		defer signal.Stop(signals)
		select {
		case got := <-signals:
			log.Info("told to stop; finishing what is in hand", "signal", got.String(), "grace", grace)
			close(s.drain)
		case <-ctx.Done():
			close(s.drain)
		case <-s.quit:
			return
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		for {
			select {
			case got := <-signals:
				log.Warn("told to stop again; ending at once", "signal", got.String())
				os.Exit(exitFailed)
			case <-timer.C:
				s.cancel(errGraceOver)
			case <-s.quit:
				return
			}
		}
	}()
	return s
}

// ignore ends the watch.
func (s *stopping) ignore() {
	close(s.quit)
	s.cancel(nil)
}

func (s *stopping) draining() bool {
	select {
	case <-s.drain:
		return true
	default:
		return false
	}
}

// sleep waits, and tells whether the wait was not cut short by a stop.
func (s *stopping) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-s.drain:
		return false
	case <-timer.C:
		return true
	}
}
