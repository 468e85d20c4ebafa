package daemon

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// TestARunThatHangs: it is ended if it hears of it. If it does not, the daemon gives up
// the lead within minutes, says that it is not healthy, and ends. The loop beats
// meanwhile.
func TestARunThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		rotate, janitor tasks.Task
		hung            bool
	}{
		"a rotation that hears":       {hanging{tasks.Rotate, true}, deaf{tasks.Janitor, time.Second, 0, nil}, false},
		"a rotation that is deaf":     {hanging{tasks.Rotate, false}, deaf{tasks.Janitor, time.Second, 0, nil}, true},
		"a purge that is deaf":        {deaf{tasks.Rotate, time.Second, 1, nil}, hanging{tasks.Janitor, false}, true},
		"a rotation that takes steps": {stepping{}, deaf{tasks.Janitor, time.Second, 0, nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				life, end := context.WithCancel(t.Context())
				defer end()
				d := newTestDaemon(t, c.rotate, c.janitor)
				leases := &held{}
				d.o.Leases = leases
				drain, ended := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(ended)
					d.Run(life, drain)
				}()
				time.Sleep(2 * time.Minute)
				if d.Hung() || d.Role() != leads {
					t.Errorf("after two minutes: hung %t, %s", d.Hung(), d.Role())
				}
				time.Sleep(90 * time.Second)
				if d.Hung() != c.hung || (d.Role() == leads) == c.hung || leases.now != map[bool]int{false: 1}[c.hung] {
					t.Errorf("after three and a half: hung %t, %s, %d leases held", d.Hung(), d.Role(), leases.now)
				}
				if d.Silent() > 3*Beat {
					t.Errorf("the loop was silent for %s", d.Silent())
				}
				time.Sleep(hungFor)
				if closed(ended) != c.hung {
					t.Errorf("ended %t, want %t", closed(ended), c.hung)
				}
				close(drain)
				<-ended
				time.Sleep(24 * time.Hour) // until what hangs is over
			})
		})
	}
}

// hanging is a task that makes no step for hours. It ends earlier only if it hears.
type hanging struct {
	name  string
	hears bool
}

func (h hanging) Name() string        { return h.name }
func (hanging) Nothing() tasks.Result { return tasks.Result{} }
func (h hanging) Run(ctx context.Context, _ tasks.Run) (tasks.Result, error) {
	if h.hears {
		<-ctx.Done()
		return tasks.Result{}, context.Cause(ctx)
	}
	time.Sleep(12 * time.Hour)
	return tasks.Result{}, nil
}

// stepping is a rotation that takes ten minutes, and makes a step each minute.
type stepping struct{}

func (stepping) Name() string          { return tasks.Rotate }
func (stepping) Nothing() tasks.Result { return tasks.Result{} }
func (stepping) Run(_ context.Context, run tasks.Run) (tasks.Result, error) {
	for range 10 {
		time.Sleep(time.Minute)
		run.Step()
	}
	return tasks.Result{Done: 1, Complete: true}, nil
}

// held counts the leases of the leader that are held.
type held struct{ now int }

func (h *held) Acquire(ctx context.Context, name string) (tasks.Lease, error) {
	lease, err := tasks.NoLeases{}.Acquire(ctx, name)
	h.now++
	return counted{lease, h}, err
}

type counted struct {
	tasks.Lease
	of *held
}

func (c counted) Release() error {
	c.of.now--
	return c.Lease.Release()
}
