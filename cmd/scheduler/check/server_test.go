package check

import (
	"strings"
	"testing"

	"github.com/token-scheduler/token-scheduler/db"
)

// TestServersThatATestCannotHave: clusters and clouds.
func TestServersThatATestCannotHave(t *testing.T) {
	galera := db.Server{Cluster: "Galera", Members: 3}
	notReady, aurora := galera, db.Server{ReadOnly: true, ReadOnlyBy: []string{"innodb_read_only"}}
	notReady.ReadOnly, notReady.ReadOnlyBy = true, []string{"wsrep_ready"}
	for name, c := range map[string]struct {
		server         db.Server
		check          string
		result         Result
		found, advises string
	}{
		"alone":             {db.Server{}, "mysql cluster", OK, "whole server's", ""},
		"galera":            {galera, "mysql cluster", Warning, "Galera with 3 members", "same node"},
		"galera of one":     {db.Server{Cluster: "Galera", Members: 1}, "mysql cluster", OK, "one member", ""},
		"group replication": {db.Server{Cluster: "group replication"}, "mysql cluster", Warning, "group replication; ", "same node"},
		"not ready":         {notReady, "mysql read_only", Failure, "no right is missing: see its wsrep_ready", "quorum"},
		"aurora":            {aurora, "mysql read_only", Failure, "see its innodb_read_only", "writer endpoint"},
		"one connection":    {db.Server{Connections: 1}, "mysql connections", Failure, "needs 2", "MAX_USER_CONNECTIONS"},
		"enough":            {db.Server{Connections: 4}, "mysql connections", OK, "4 at a time", ""},
	} {
		findings := map[string]Finding{}
		tests := &check{add: func(f Finding) { findings[f.Check] = f }}
		tests.server(c.server)
		f := findings[c.check]
		if f.Result != c.result || !strings.Contains(f.Found, c.found) || !strings.Contains(f.Advice, c.advises) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
