package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/cmd/scheduler/daemon"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

func TestMain(m *testing.M) { servers.Main(m) }

func TestHelpAndVersion(t *testing.T) {
	for args, want := range map[string]string{"--help": "DATABASE_URL_FILE", "--version": "token-scheduler dev"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), daemon.Catch(), []string{args}, nil, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: exit code %d, output %s%s", args, code, &stdout, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), daemon.Catch(), []string{"--no-such-flag"}, nil, &stdout, &stderr); code != exitUsage {
		t.Errorf("exit code %d for an unknown flag, want 2", code)
	}
}

func TestUnusableConfiguration(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), daemon.Catch(), nil, []string{"DATABASE_URL=mysql2://u:hunter2@/x", "ZYNC_ENDPOINT=zync:8080"}, &stdout, &stderr)
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, want := range []string{"DATABASE_URL", "REDIS_URL): required", "ZYNC_ENDPOINT"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%s is not named", want)
		}
	}
	if strings.Contains(stderr.String(), "hunter2") || stdout.Len() > 0 {
		t.Errorf("a password was printed, or the wrong stream used: %s%s", &stdout, &stderr)
	}
}
