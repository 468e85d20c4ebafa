package servers_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

// A server that starts removes temporary tables that seem to be left from its last run.
// It must not remove those of other servers.
func TestPrivateTmpdir(t *testing.T) {
	others := filepath.Join(t.TempDir(), "#sql-temptable-1-1-1.MAI")
	if err := os.WriteFile(others, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Dir(others))
	servers.PrivateMariaDB(t)
	if _, err := os.Stat(others); err != nil {
		t.Errorf("another server's temporary table is gone: %v", err)
	}
}
