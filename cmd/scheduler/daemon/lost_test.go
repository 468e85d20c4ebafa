package daemon

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// recalls are tokens of which none is lost, and tenants who are stranded from a time on
// until a recall has served all of them.
type recalls struct {
	Tokens
	from   time.Time
	result tasks.Result
	err    error
	takes  time.Duration
	ran    []time.Time
	served bool
}

func (*recalls) Lost(context.Context) ([]int64, error) { return nil, nil }
func (*recalls) MayBeOut() bool                        { return false }

func (r *recalls) Stranded(context.Context) (string, error) {
	if r.served || time.Now().Before(r.from) {
		return "", nil
	}
	return "no gateway is alive", nil
}

func (r *recalls) Recall() tasks.Task { return r }
func (*recalls) Name() string         { return tasks.Rotate }
func (*recalls) Nothing() tasks.Result {
	return tasks.Result{}
}

func (r *recalls) Run(ctx context.Context, run tasks.Run) (tasks.Result, error) {
	r.ran = append(r.ran, time.Now())
	_, _ = deaf{takes: r.takes}.Run(ctx, run)
	r.served = r.err == nil && r.result.Failed == 0
	return r.result, r.err
}

// TestStrandedTenantsAreRecalled: within a minute, once if all are served, with longer and
// longer pauses for those that fail, and each minute while nobody is reached.
func TestStrandedTenantsAreRecalled(t *testing.T) {
	for name, c := range map[string]struct {
		result      tasks.Result
		err         error
		least, most int // recalls within an hour
	}{
		"all are served": {tasks.Result{Done: 3, Complete: true}, nil, 1, 1},
		"one fails":      {tasks.Result{Done: 2, Failed: 1, Complete: true}, nil, 5, 7},
		"Zync is away":   {tasks.Result{}, errBoom, 50, 61},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newTestDaemon(t, deaf{tasks.Rotate, time.Second, 1, nil}, deaf{tasks.Janitor, time.Second, 0, nil})
				stranded := &recalls{from: time.Now().Add(10*time.Minute + 5*time.Second), result: c.result, err: c.err}
				d.o.Tokens = stranded
				drain, ended := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(ended)
					d.Run(t.Context(), drain)
				}()
				time.Sleep(time.Until(stranded.from) + time.Hour)
				close(drain)
				<-ended
				if n := len(stranded.ran); n < c.least || n > c.most {
					t.Fatalf("%d recalls, want %d to %d", n, c.least, c.most)
				}
				if after := stranded.ran[0].Sub(stranded.from); after > lookEvery+2*Beat {
					t.Errorf("recalled after %s", after)
				}
			})
		})
	}
}

// losses are tenants whose tokens MySQL has lost. One of them can't be served.
type losses struct {
	Tokens
	from  time.Time
	mu    sync.Mutex
	ids   []int64
	mends int
}

func (l *losses) Lost(context.Context) ([]int64, error) {
	if time.Now().Before(l.from) {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ids, nil
}

func (l *losses) Mend(ids []int64) tasks.Task {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mends++
	return &recalls{takes: time.Second, result: tasks.Result{Done: len(ids) - 1, Failed: 1, Complete: true}}
}

// mended returns how many mends there were, and changes who is lost from now on.
func (l *losses) mended(ids ...int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = ids
	return l.mends
}

func (*losses) MayBeOut() bool                           { return false }
func (*losses) Unmended([]int64)                         {}
func (*losses) Stranded(context.Context) (string, error) { return "", nil }

// TestLostTokensOfATenantThatFails: its mends are minutes apart, and a tenant that comes
// later waits for none of them.
func TestLostTokensOfATenantThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDaemon(t, deaf{tasks.Rotate, time.Second, 1, nil}, deaf{tasks.Janitor, time.Second, 0, nil})
		lost := &losses{from: time.Now().Add(5 * time.Second), ids: []int64{7}}
		d.o.Tokens = lost
		drain, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			d.Run(t.Context(), drain)
		}()
		time.Sleep(35 * time.Minute)
		before := lost.mended(7, 8)
		if before < 5 || before > 7 {
			t.Errorf("%d mends in 35 minutes, want 5 to 7", before)
		}
		time.Sleep(lookEvery + 2*Beat)
		if lost.mended() == before {
			t.Error("a tenant whose token was lost later waits for the one that fails")
		}
		close(drain)
		<-ended
	})
}

// TestNobodyStepsAsideFromARecall: it is at work when the schedule's runs have reached
// nobody for a quarter of an hour, and reaches somebody.
func TestNobodyStepsAsideFromARecall(t *testing.T) {
	for done, want := range map[int]bool{0: true, 2: false} {
		synctest.Test(t, func(t *testing.T) {
			d := newTestDaemon(t, deaf{tasks.Rotate, time.Second, 0, errBoom}, deaf{tasks.Janitor, time.Second, 0, nil})
			stranded := &recalls{from: time.Now().Add(10 * time.Minute), takes: 10 * time.Minute, result: tasks.Result{Done: done, Complete: true}}
			d.o.Tokens = stranded
			drain, ended, aside := make(chan struct{}), make(chan struct{}), false
			go func() {
				defer close(ended)
				d.Run(t.Context(), drain)
			}()
			time.Sleep(time.Second)
			for range 25 * 60 {
				time.Sleep(time.Second)
				aside = aside || d.Role() != leads
			}
			close(drain)
			<-ended
			if aside != want {
				t.Errorf("the recall reached %d: stepped aside %t, want %t", done, aside, want)
			}
		})
	}
}
