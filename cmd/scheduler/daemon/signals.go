package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errGraceOver = errors.New("told to stop, and the shutdown grace has ended")

// Signals are SIGTERM and SIGINT, caught from [Catch] on.
type Signals struct{ c chan os.Signal }

// Catch catches the signals that tell the program to stop. Main calls it first, so that an
// early signal ends the program in order, too.
func Catch() Signals {
	s := Signals{make(chan os.Signal, 2)}
	signal.Notify(s.c, syscall.SIGTERM, syscall.SIGINT)
	return s
}

// Default restores the usual effect of the signals, also for one that has come already.
func (s Signals) Default() {
	signal.Stop(s.c)
	select {
	case got := <-s.c:
		if number, ok := got.(syscall.Signal); ok {
			_ = syscall.Kill(os.Getpid(), number)
		}
	default:
	}
}

// Stopping describes how a program ends that is told to stop.
type Stopping struct {
	Grace time.Duration // for the work in hand
	Abort func()        // ends the process after a second signal
	Log   *slog.Logger
}

// Stop turns the signals into two steps. The first signal closes drain, so that the work in
// hand is finished. After the grace life ends, which cuts the work off. ignore ends the watch.
func (s Signals) Stop(ctx context.Context, o Stopping) (life context.Context, drain <-chan struct{}, ignore func()) {
	life, cancel := context.WithCancelCause(ctx)
	draining, quit := make(chan struct{}), make(chan struct{})
	go func() {
		defer signal.Stop(s.c)
		select {
		case got := <-s.c:
			o.Log.Info("told to stop; finishing the work in hand", "signal", got.String(), "grace", o.Grace)
		case <-ctx.Done():
		case <-quit:
			return
		}
		close(draining)
		over := time.AfterFunc(o.Grace, func() { cancel(errGraceOver) })
		defer over.Stop()
		select {
		case got := <-s.c:
			o.Log.Warn("told to stop again; ending at once", "signal", got.String())
			o.Abort()
		case <-quit:
		}
	}()
	return life, draining, func() {
		close(quit)
		cancel(nil)
	}
}
