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

var errGraceOver = errors.New("told to stop, and the grace is over")

// Signals turns SIGTERM and SIGINT into two steps. The first signal closes drain:
// finish the work in hand. After the grace, life ends: break it off. A second signal
// calls abort, which should end the process. ignore ends the watch.
func Signals(ctx context.Context, grace time.Duration, log *slog.Logger, abort func()) (life context.Context, drain <-chan struct{}, ignore func()) {
	life, cancel := context.WithCancelCause(ctx)
	draining, quit := make(chan struct{}), make(chan struct{})
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		defer signal.Stop(signals)
		select {
		case got := <-signals:
			log.Info("told to stop; finishing the work in hand", "signal", got.String(), "grace", grace)
		case <-ctx.Done():
		case <-quit:
			return
		}
		close(draining)
		over := time.AfterFunc(grace, func() { cancel(errGraceOver) })
		defer over.Stop()
		select {
		case got := <-signals:
			log.Warn("told to stop again; ending at once", "signal", got.String())
			abort()
		case <-quit:
		}
	}()
	return life, draining, func() {
		close(quit)
		cancel(nil)
	}
}
