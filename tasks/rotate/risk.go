package rotate

import (
	"log/slog"
	"time"
)

// logAtRisk names the tenants whose token at Zync has passed half its life without
// a successor, with how long it still lives. A placeholder has no life.
func (t *tally) logAtRisk(log *slog.Logger, now time.Time, ttl time.Duration) {
	risky := now.Add(-ttl / 2)
	n := t.lagging.before(risky)
	if n == 0 || t.placing {
		return
	}
	var ids []int64
	for _, p := range t.lastServed {
		if p.served.Before(risky) {
			ids = append(ids, p.tenant.ID)
		}
	}
	args := []any{"tenants", n, "tenant_ids", ids}
	if oldest := t.lagging.oldest(); !oldest.IsZero() {
		args = append(args, "first_expires_in", max(0, oldest.Add(ttl).Sub(now)).Round(time.Second))
	} else {
		args = append(args, "first_expires_in", "not known")
	}
	log.Warn("tenants at risk: the token at Zync is older than half its life, or its age is not known", args...)
}
