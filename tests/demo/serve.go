package main

import (
	"context"
	"os"
	"path/filepath"
)

// serve keeps the servers up until ctx ends. It writes the configuration into a folder,
// in the files that /etc/token-scheduler has. The last one, environment, is written when
// everything is ready.
func (d *demo) serve(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, file := range []struct{ name, content string }{
		{"database-url", d.databaseURL},
		{"redis-url", d.redisURL},
		{"zync-authentication-token", credential},
		{"environment", "ZYNC_ENDPOINT=" + d.zync.URL + "\nPORTA_ENDPOINT=" + d.portaURL},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), []byte(file.content+"\n"), 0o600); err != nil {
			return err
		}
	}
	say("Ready. PATH=$PWD/bin:$PATH TOKEN_SCHEDULER_ETC=%s deploy/token-scheduler --check uses these servers. Ctrl-C ends them.", dir)
	<-ctx.Done()
	return nil
}
