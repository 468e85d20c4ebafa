package tests

import (
	"testing"

	"github.com/token-scheduler/token-scheduler/tests/porta"
	"github.com/token-scheduler/token-scheduler/tests/servers"
)

// TestFailoverThatLosesDeliveries: MySQL fails over to a replica that lagged. Zync
// holds tokens that Porta does not know, and the ledger says that all is well. The
// leader notices within a minute and mends those tenants alone; after a restart of
// ours, too.
func TestFailoverThatLosesDeliveries(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"under a leader", "while no scheduler is there"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			primary, replica := servers.Replicated(t)
			p, err := porta.Create(t.Context(), primary.Config())
			must(t, err)
			t.Cleanup(func() { _ = p.DB.Close() })
			w := newWorldOn(t, p, servers.RedisURL(t), 40)
			// Porta's own tokens are those of an hour ago.
			w.exec("UPDATE access_tokens SET created_at = created_at - INTERVAL 55 MINUTE")
			replica.CatchUp(t, primary)
			replica.StopReplication(t)
			d := w.start(nil)
			d.logs("run ended", "task=rotate", "outcome=success")
			if name != "under a leader" {
				d.stops()
			}
			replica.Promote(t, primary)
			if locked, err := w.broken(t.Context()); err != nil || len(locked) == 0 {
				t.Fatalf("nobody is locked out: %v; the test shows nothing", err)
			}
			if name != "under a leader" {
				d = w.start(nil)
			}
			d.logs("MySQL has lost tokens that were delivered")
			eventually(t, "tenant that is mended", func() bool {
				locked, err := w.broken(t.Context())
				return err == nil && len(locked) == 0
			})
		})
	}
}
