package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Weather is how a server and the network to it behave.
type Weather struct {
	Down     error         // every call fails at once
	Hanging  bool          // each call times out
	LoseAsk  float64       // chance that a request is lost
	LoseSaid float64       // chance that a request is carried out and its answer is lost
	Latency  time.Duration // the longest that a call takes
}

// ErrNetwork is the error of a call that was lost.
var ErrNetwork = errors.New("connection reset by peer")

// ErrKilled is the error of every call of a killed process.
var ErrKilled = errors.New("killed")

// Server has the weather of a server. Without a random source nothing is lost, and each
// call takes the longest time.
type Server struct {
	mu      sync.Mutex
	weather Weather
	chance  *rand.Rand
}

// Set changes the weather.
func (s *Server) Set(w Weather) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weather = w
}

// Draw sets the random source. It decides which calls are lost, and how long each takes.
func (s *Server) Draw(chance *rand.Rand) { s.chance = chance }

// Up is true while calls reach the server at all.
func (s *Server) Up() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.weather.Down == nil && !s.weather.Hanging
}

// forecast decides what happens to one call.
func (s *Server) forecast() (w Weather, lost, unsaid bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w = s.weather
	if s.chance == nil {
		return w, false, false
	}
	if w.Latency > 0 {
		w.Latency = time.Duration(s.chance.Int64N(int64(w.Latency)))
	}
	return w, s.chance.Float64() < w.LoseAsk, s.chance.Float64() < w.LoseSaid
}

// Process is a process of the program. It can be paused or killed between two calls. A
// nil process runs for ever.
type Process struct {
	mu       sync.Mutex
	dead     bool
	died     time.Time
	paused   chan struct{} // closed when it goes on; nil while it runs
	pausedAt time.Time
}

// Kill makes every further call of the process fail.
func (p *Process) Kill() {
	p.Resume()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead, p.died = true, time.Now()
}

// Pause stops every call of the process, as SIGSTOP does. A resumed process does what it
// was about to do, even if the reason for it has passed.
func (p *Process) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == nil {
		p.paused, p.pausedAt = make(chan struct{}), time.Now()
	}
}

// Resume lets the process go on.
func (p *Process) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused != nil {
		close(p.paused)
		p.paused = nil
	}
}

// Dead is true after a kill.
func (p *Process) Dead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// Lives tells whether the process runs, and if not, since when.
func (p *Process) Lives() (lives bool, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.dead:
		return false, p.died
	case p.paused != nil:
		return false, p.pausedAt
	}
	return true, time.Time{}
}

// silentFor is how long the process has been paused.
func (p *Process) silentFor() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == nil {
		return 0
	}
	return time.Since(p.pausedAt)
}

// gate waits while the process is paused. It returns ErrKilled if the process is dead.
func (p *Process) gate() error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	paused := p.paused
	p.mu.Unlock()
	if paused != nil {
		<-paused
	}
	if p.Dead() {
		return ErrKilled
	}
	return nil
}

// call makes one call of a process to a server. It returns the error of do, or of the
// network. After an error of the network, do may have been carried out.
func call(ctx context.Context, p *Process, s *Server, do func() error) error {
	if err := p.gate(); err != nil {
		return err
	}
	weather, lost, unsaid := s.forecast()
	if weather.Down != nil {
		return weather.Down
	}
	if weather.Hanging || lost {
		<-ctx.Done()
		return ctx.Err()
	}
	if weather.Latency > 0 {
		timer := time.NewTimer(weather.Latency)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	if err := p.gate(); err != nil {
		return err
	}
	if err := do(); !unsaid {
		return err
	}
	return ErrNetwork
}
