package rotate

import (
	"log/slog"
	"time"
)

// logAtRisk logs the tenants whose token at Zync has passed half its life and was not
// replaced, with the time until it expires. A placeholder does not expire.
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
