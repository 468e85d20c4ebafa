package rotate

import (
	"context"
	"fmt"

	"github.com/token-scheduler/token-scheduler/tasks"
)

// strayNames is how many accounts the log line names.
const strayNames = 100

// logStrays says, once for each change, which provider accounts a rotation leaves out.
// It looks once a window.
func (r *Rotation) logStrays(ctx context.Context, run tasks.Run) {
	if r.o.Strays == nil || len(r.o.Only) > 0 || run.Window.Start.Equal(r.memory.straysAt) {
		return
	}
	ids, err := r.o.Strays(ctx)
	if err != nil {
		return // the next run looks again; the run itself tells how MySQL is
	}
	r.memory.straysAt = run.Window.Start
	text := ""
	if len(ids) > 0 {
		text = fmt.Sprint(len(ids), ids[:min(len(ids), strayNames)])
	}
	if level, say := r.said.changed(context.WithoutCancel(ctx), aboutStrays, text, true); say {
		run.Log.Log(ctx, level, "provider accounts left out: their provider_account_id is not the master's. Correct it, or serve them with --tenant",
			"tenants", len(ids), "tenant_ids", ids[:min(len(ids), strayNames)])
	}
}
