package logging_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/logging"
)

const brokenPipe = "LOG_INTO_A_BROKEN_PIPE"

func TestMain(m *testing.M) {
	if os.Getenv(brokenPipe) != "" {
		logIntoABrokenPipe()
		return
	}
	goleak.VerifyTestMain(m)
}

func asJSON(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// logged reads JSON lines. It counts the lines with a message, and adds up how many lines
// the log says were dropped.
func logged(t *testing.T, text string) (lines, dropped int) {
	t.Helper()
	for scanner := bufio.NewScanner(strings.NewReader(text)); scanner.Scan(); {
		var line struct {
			Msg   string
			Lines int
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("%q: %v", scanner.Text(), err)
		}
		if line.Msg == "work" {
			lines++
		} else if !strings.HasPrefix(line.Msg, "log lines were dropped") {
			t.Errorf("line %q", scanner.Text())
		}
		dropped += line.Lines
	}
	return lines, dropped
}

func TestEveryLineIsWritten(t *testing.T) {
	var out strings.Builder
	q := logging.Start(logging.Options{Out: &out, Handler: asJSON, Bytes: 1 << 20})
	for n := range 1000 {
		q.Logger().Info("work", "n", n)
	}
	if !q.Close(10 * time.Second) {
		t.Fatal("not all was written")
	}
	if lines, dropped := logged(t, out.String()); lines != 1000 || dropped != 0 {
		t.Errorf("%d lines, %d dropped", lines, dropped)
	}
}

// TestReaderHangs: while nobody reads the pipe, no caller waits and memory is bounded.
// When somebody reads again, the log says where and how many lines are missing.
func TestReaderHangs(t *testing.T) {
	reader, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	const all = 20000
	q := logging.Start(logging.Options{Out: pipe, Handler: asJSON})
	began := time.Now()
	for n := range all {
		q.Logger().Info("work", "n", n, "padding", "0123456789012345678901234567890123456789")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d lines took %s", all, took)
	}
	if q.Close(50 * time.Millisecond) {
		t.Error("Close says that all is written")
	}
	counted := testutil.ToFloat64(q.Dropped())
	var text []byte
	var read sync.WaitGroup
	read.Go(func() { text, _ = io.ReadAll(reader) })
	if !q.Close(10 * time.Second) {
		t.Error("not all was written to a reader that reads again")
	}
	_ = pipe.Close()
	read.Wait()
	lines, dropped := logged(t, string(text))
	if lines+dropped != all || dropped == 0 || counted != float64(dropped) {
		t.Errorf("%d lines written, %d said to be dropped, %v counted", lines, dropped, counted)
	}
}

// flaky is a disk that is full for a while. It takes half a line, and then nothing.
type flaky struct {
	mu   sync.Mutex
	full bool
	half bool
	text strings.Builder
}

func (f *flaky) fill(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full, f.half = full, full
}

func (f *flaky) Write(line []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(line)
	if f.full {
		n = 0
		if f.half {
			n, f.half = len(line)/2, false
		}
	}
	f.text.Write(line[:n])
	if n < len(line) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func TestDiskIsFullForAWhile(t *testing.T) {
	disk := &flaky{}
	q := logging.Start(logging.Options{Out: disk, Handler: asJSON})
	write := func(lines int) {
		before := testutil.ToFloat64(q.Dropped())
		for range lines {
			q.Logger().Info("work")
		}
		for end := time.Now().Add(5 * time.Second); disk.full && testutil.ToFloat64(q.Dropped()) < before+float64(lines); {
			if time.Now().After(end) {
				t.Fatal("lines that were not written are not counted")
			}
			time.Sleep(time.Millisecond)
		}
	}
	disk.fill(true)
	write(10)
	disk.fill(false)
	write(5)
	if !q.Close(10 * time.Second) {
		t.Fatal("not all was written")
	}
	half, rest, _ := strings.Cut(disk.text.String(), "\n")
	lines, dropped := logged(t, rest)
	if json.Valid([]byte(half)) || lines != 5 || dropped != 10 {
		t.Errorf("%d lines, %d dropped, after %q", lines, dropped, half)
	}
}

func TestDevFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer func() { _ = full.Close() }()
	q := logging.Start(logging.Options{Out: full, Handler: asJSON})
	for range 100 {
		q.Logger().Info("work")
	}
	if !q.Close(10*time.Second) || testutil.ToFloat64(q.Dropped()) != 100 {
		t.Errorf("%v lines counted", testutil.ToFloat64(q.Dropped()))
	}
}

// logIntoABrokenPipe runs in a process whose standard error has no reader.
func logIntoABrokenPipe() {
	logging.SurviveBrokenPipe()
	q := logging.Start(logging.Options{Out: os.Stderr, Handler: asJSON})
	for range 10 {
		q.Logger().Info("work")
	}
	fmt.Println(q.Close(10*time.Second), testutil.ToFloat64(q.Dropped()))
}

func TestBrokenPipeEndsNothing(t *testing.T) {
	reader, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = reader.Close()
	defer func() { _ = pipe.Close() }()
	process := exec.Command(os.Args[0])
	process.Env, process.Stderr = append(os.Environ(), brokenPipe+"=1"), pipe
	if out, err := process.Output(); err != nil || string(out) != "true 10\n" {
		t.Errorf("%v, output %q", err, out)
	}
}
