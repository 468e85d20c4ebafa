package rotate

import "time"

// logAtRisk names the tenants whose token at Zync has passed half its life without
// a successor, with how long it still lives.
func (e *engine) logAtRisk() {
	now := e.o.Now()
	risky := now.Add(-e.o.TTL / 2)
	n := e.tally.lagging.before(risky)
	if n == 0 {
		return
	}
	var ids []int64
	for _, p := range e.tally.lastServed {
		if p.served.Before(risky) {
			ids = append(ids, p.tenant.ID)
		}
	}
	args := []any{"tenants", n, "tenant_ids", ids}
	if oldest := e.tally.lagging.oldest(); !oldest.IsZero() {
		args = append(args, "first_expires_in", max(0, oldest.Add(e.o.TTL).Sub(now)).Round(time.Second))
	} else {
		args = append(args, "first_expires_in", "not known")
	}
	e.run.Log.Warn("tenants at risk: the token at Zync is older than half its life, or its age is not known", args...)
}
