package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/locks"
)

// fakeTask does what a test says.
type fakeTask func(ctx context.Context, run Run) (Result, error)

func (fakeTask) Name() string { return Rotate }
func (fakeTask) Nothing() Result {
	return Result{Counts: []Count{{"tenants", 0}}, Failures: []Failure{}}
}
func (f fakeTask) Run(ctx context.Context, run Run) (Result, error) {
	return f(ctx, run)
}

// fakeLeases has one lease, which may be held by another or lost.
type fakeLeases struct {
	held     int // so often it is held by another
	lose     context.CancelCauseFunc
	released int
}

func (l *fakeLeases) Acquire(ctx context.Context, _ string) (Lease, error) {
	if l.held > 0 {
		l.held--
		return nil, locks.ErrHeld
	}
	ctx, l.lose = context.WithCancelCause(ctx)
	return fakeLease{ctx, l}, nil
}

type fakeLease struct {
	ctx    context.Context //nolint:containedctx // as a lease's
	leases *fakeLeases
}

func (l fakeLease) Context() context.Context { return l.ctx }
func (l fakeLease) Release() error           { l.leases.released++; return nil }

type fakeRecord struct {
	ledger.Task

	mu       sync.Mutex
	progress []ledger.Progress
}

func (r *fakeRecord) RecordProgress(_ context.Context, _ string, p ledger.Progress) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.progress = append(r.progress, p)
	return nil
}

func (r *fakeRecord) RecordRun(_ context.Context, run ledger.Run) error {
	r.Task = run.Times()
	r.Last = &run
	return nil
}

func newRunner(leases *fakeLeases) (*Runner, *fakeRecord, *strings.Builder) {
	record, log := &fakeRecord{}, &strings.Builder{}
	return &Runner{
		Leases: leases, Record: record, Metrics: NewMetrics(prometheus.NewRegistry(), Rotate, Janitor),
		Log: slog.New(slog.NewTextHandler(log, nil)), Now: time.Now,
	}, record, log
}

func TestOutcomes(t *testing.T) {
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		result Result
		err    error
		want   Outcome
	}{
		"all served":          {Result{Done: 5, Complete: true}, nil, Success},
		"nothing to do":       {Result{Complete: true}, nil, Success},
		"some failed":         {Result{Done: 5, Failed: 1, Complete: true}, nil, Partial},
		"all failed":          {Result{Failed: 1, Complete: true}, nil, Partial},
		"gave way":            {Result{Done: 5}, errors.Join(ErrInterrupted, boom), Partial},
		"not all reached":     {Result{Done: 5}, boom, Failed},
		"failed from the top": {Result{}, boom, Failed},
		"overtaken midway":    {Result{Done: 5, Changed: true}, errors.Join(ErrBusy, boom), Failed},
		"another's turn":      {Result{}, errors.Join(ErrBusy, boom), Busy},
	} {
		leases := &fakeLeases{}
		r, record, log := newRunner(leases)
		report := r.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) { return c.result, c.err }), Window{}, nil)
		if report.Outcome != c.want || leases.released != 1 {
			t.Errorf("%s: %s, want %s; the lease was released %d times", name, report.Outcome, c.want, leases.released)
		}
		if got := testutil.ToFloat64(r.Metrics.runs.WithLabelValues(Rotate, string(c.want))); got != 1 {
			t.Errorf("%s: counted %v times", name, got)
		}
		if (c.want == Success) == record.Success.IsZero() {
			t.Errorf("%s: success on record at %s", name, record.Success)
		}
		if lines := strings.Count(log.String(), `msg="run ended"`); c.want != Busy && lines != 1 {
			t.Errorf("%s: %d summary lines", name, lines)
		}
	}
}

// TestARunForAnotherPorta: it does not begin, asks nobody to give way, and is not on
// record. If the keys change hands during the wait for the lease, it does not begin
// either.
func TestARunForAnotherPorta(t *testing.T) {
	other := fmt.Errorf("%w: x", ErrOtherPorta)
	for name, answers := range map[string][]error{"at first": {other}, "after the wait": {nil, other}} {
		leases := &fakeLeases{}
		r, record, _ := newRunner(leases)
		asked, ran := 0, false
		r.Owns = func(context.Context) error {
			asked++
			return answers[asked-1]
		}
		task := fakeTask(func(context.Context, Run) (Result, error) {
			ran = true
			return Result{}, nil
		})
		report := r.Run(t.Context(), task, Window{}, nil)
		if report.Outcome != Failed || !errors.Is(report.Err, ErrOtherPorta) || ran || record.Last != nil {
			t.Errorf("%s: %+v, ran %t, on record %+v", name, report, ran, record.Last)
		}
		if leases.released != len(answers)-1 {
			t.Errorf("%s: the lease was released %d times", name, leases.released)
		}
		asked = len(answers) - 1
		if report := r.DryRun(t.Context(), task, Window{}, nil); report.Outcome != Failed || ran {
			t.Errorf("%s: dry run %+v", name, report)
		}
	}
}

func TestPanicIsAnOutcome(t *testing.T) {
	leases := &fakeLeases{}
	r, _, log := newRunner(leases)
	report := r.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) { panic("oh") }), Window{}, nil)
	if report.Outcome != Failed || !strings.Contains(report.Err.Error(), "panic: oh") || leases.released != 1 {
		t.Errorf("%+v, the lease was released %d times", report, leases.released)
	}
	if !strings.Contains(log.String(), "runner_test.go") {
		t.Error("the log does not say where")
	}
}

func TestLostLeaseIsTheCause(t *testing.T) {
	leases := &fakeLeases{}
	r, _, _ := newRunner(leases)
	report := r.Run(t.Context(), fakeTask(func(ctx context.Context, _ Run) (Result, error) {
		leases.lose(locks.ErrLost)
		<-ctx.Done()
		return Result{}, errors.New("some statement was cancelled")
	}), Window{}, nil)
	if !errors.Is(report.Err, locks.ErrLost) {
		t.Errorf("error %v, want the loss of the lease", report.Err)
	}
}

func TestWaitForAnotherRun(t *testing.T) {
	for held, want := range map[int]Outcome{3: Success, 1000: Busy} {
		synctest.Test(t, func(t *testing.T) {
			r, _, _ := newRunner(&fakeLeases{held: held})
			r.Wait = 10 * time.Second
			began := time.Now()
			report := r.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) { return Result{}, nil }), Window{}, nil)
			if report.Outcome != want || time.Since(began) > 11*time.Second {
				t.Errorf("held %d times: %s after %s, want %s", held, report.Outcome, time.Since(began), want)
			}
		})
	}
}

func TestWaitEndsWithTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newRunner(&fakeLeases{held: 1 << 30})
		r.Wait = time.Hour
		drain := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(drain) })
		began := time.Now()
		report := r.Run(t.Context(), fakeTask(func(context.Context, Run) (Result, error) { return Result{}, nil }), Window{}, drain)
		if report.Outcome != Busy || time.Since(began) > 2*time.Second {
			t.Errorf("%s after %s", report.Outcome, time.Since(began))
		}
	})
}

func TestReportAsJSON(t *testing.T) {
	for want, report := range map[string]Report{
		`{"task":"rotate","outcome":"partial","tenants":2,"failed":1,"failures":[{"tenant_id":7,"error":"\"quoted\""}],"duration_seconds":1.5}`: {
			Task: Rotate, Outcome: Partial, Duration: 1500 * time.Millisecond, Result: Result{
				Counts: []Count{{"tenants", 2}, {"failed", 1}}, Failures: []Failure{{7, `"quoted"`}},
			},
		},
		`{"task":"janitor","outcome":"failed","purged":0,"error":"boom","duration_seconds":0}`: {
			Task: Janitor, Outcome: Failed, Err: errors.New("boom"), Result: Result{Counts: []Count{{"purged", 0}}},
		},
	} {
		got, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
			t.Fatalf("%s is no JSON", got)
		}
		if x, _ := json.Marshal(a); string(x) != string(mustMarshal(b)) {
			t.Errorf("report %s, want %s", got, want)
		}
	}
}

func mustMarshal(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}

// TestProgressIsRecorded while a run is at work, with who fails, and metrics show it.
func TestProgressIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runner, record, _ := newRunner(&fakeLeases{})
		registry := prometheus.NewRegistry()
		runner.Metrics = NewMetrics(registry, Rotate, Janitor)
		var heard []Progress
		runner.Progress = func(p Progress) { heard = append(heard, p) }
		shown := func(state string) float64 {
			return testutil.ToFloat64(runner.Metrics.run.WithLabelValues(Rotate, state))
		}
		runner.Run(t.Context(), fakeTask(func(_ context.Context, run Run) (Result, error) {
			for done := range 11 {
				run.Progress(Progress{Done: done, Failing: 2, Total: 10})
				time.Sleep(time.Second)
			}
			if shown("done") != 10 || shown("failing") != 2 || shown("total") != 10 {
				t.Errorf("metrics say %v of %v, %v failing", shown("done"), shown("total"), shown("failing"))
			}
			return Result{Complete: true}, nil
		}), Window{}, nil)
		if len(heard) != 11 || shown("done") != 0 || shown("total") != 0 {
			t.Errorf("heard %v; after the end metrics show %v of %v", heard, shown("done"), shown("total"))
		}
		last := record.progress[len(record.progress)-1]
		if n := len(record.progress); n < 3 || n > 5 || last.Done < 8 || last.Failing != 2 || last.Total != 10 || last.RunID != record.Last.RunID || last.Began.IsZero() {
			t.Errorf("recorded %+v", record.progress)
		}
	})
}

// TestDryRunSaysSo in the log and in JSON; whoever hears of runs does not hear of it.
func TestDryRunSaysSo(t *testing.T) {
	runner, _, log := newRunner(&fakeLeases{})
	ended := 0
	runner.Ended = func(Report) { ended++ }
	task := fakeTask(func(context.Context, Run) (Result, error) { return Result{Complete: true}, nil })
	for _, dry := range []bool{true, false} {
		log.Reset()
		run := runner.Run
		if dry {
			run = runner.DryRun
		}
		report := run(t.Context(), task, Window{}, nil)
		encoded, err := json.Marshal(report)
		if err != nil {
			t.Fatal(err)
		}
		if report.DryRun != dry || strings.Contains(string(encoded), `"dry_run":true`) != dry || strings.Contains(log.String(), "dry_run=true") != dry {
			t.Errorf("dry run %t: %s, log %s", dry, encoded, log)
		}
	}
	if ended != 1 {
		t.Errorf("heard of %d ends, want 1", ended)
	}
}

func TestInPlainWords(t *testing.T) {
	err := fmt.Errorf("list tenants: %w", context.DeadlineExceeded)
	if got := InPlainWords(err); got.Error() != "list tenants: no answer in time (time-out)" || !errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("got %v", got)
	}
	boom := errors.New("boom")
	if InPlainWords(nil) != nil || InPlainWords(boom) != boom { //nolint:errorlint // the same error
		t.Error("it changed what is no time-out")
	}
}
