package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// binary is the scheduler as the tests run it.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "scheduler-")
	if err == nil {
		binary = filepath.Join(dir, "scheduler")
		args := append([]string{"build"}, raceFlag...)
		var out []byte
		out, err = exec.Command("go", append(args, "-o", binary, "../cmd/scheduler")...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the scheduler:", err)
		os.Exit(1)
	}
	servers.Main(m, func() { _ = os.RemoveAll(dir) })
}
