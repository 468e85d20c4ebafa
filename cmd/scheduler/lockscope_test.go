package main

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
)

func TestWhereTheLockHolds(t *testing.T) {
	for _, c := range []struct {
		server db.Server
		scope  string
		warns  bool
	}{
		{db.Server{}, "[mysql_lock server]", false},
		{db.Server{Cluster: "Galera", Members: 1}, "[mysql_lock server]", false},
		{db.Server{Cluster: "Galera", Members: 3}, "[mysql_lock one node (Galera)]", true},
		{db.Server{Cluster: "group replication"}, "[mysql_lock one node (group replication)]", true},
	} {
		var lines strings.Builder
		scope := scopeOf(c.server, slog.New(slog.NewTextHandler(&lines, nil)))
		if fmt.Sprint(scope) != c.scope || strings.Contains(lines.String(), "same node") != c.warns {
			t.Errorf("%+v: %v, log %q", c.server, scope, lines.String())
		}
	}
}
