package status

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

const (
	// hostsFor is how long a tenant's host is shown without asking MySQL again.
	hostsFor = 10 * time.Minute
	// mostHosts is how many are remembered.
	mostHosts = 5000
	// accountsTimeout is how long a page waits for MySQL.
	accountsTimeout = time.Second
)

// Account is what Porta's database says of a tenant.
type Account struct {
	Host    string `json:"host"`
	State   string `json:"state"`
	OwnerID int64  `json:"owner_id,omitempty"` // zero if the tenant has no owner
	Owner   string `json:"owner,omitempty"`    // the user's name
}

// tenants reads the failing tenants.
func (r *reading) tenants(ctx context.Context, st *Status) error {
	rotate := st.task(tasks.Rotate)
	risky := st.Now.Add(-r.plan.TokenTTL / 2)
	ask := ledger.Ask{
		// A rotation that reaches everyone records every failure again. A tenant that failed
		// before the last one, and not in it, no longer exists.
		Since: rotate.LastComplete, Risky: risky, Limit: st.Query.Limit,
		Replaced: st.Placeholders.replaced(),
	}
	if filter := strings.ToLower(st.Query.Filter); filter != "" {
		ask.Match = func(f ledger.Failing) bool { return r.matches(f, filter) }
	}
	found, err := r.from.Failures(ctx, ask)
	if err != nil {
		return err
	}
	for _, f := range found.Worst {
		st.Failing = append(st.Failing, r.failing(f, ask))
	}
	st.Matching = found.Matching
	for _, reason := range found.Reasons {
		st.Reasons = append(st.Reasons, ledger.Reason{Reason: r.o.Clean(reason.Reason), Tenants: reason.Tenants})
	}
	st.Tenants = Tenants{Failing: found.Failing, AtRisk: found.AtRisk}
	if !found.Oldest.IsZero() {
		st.Tenants.FirstExpires = found.Oldest.Add(r.plan.TokenTTL)
	}
	r.addHosts(ctx, st.Failing)
	countLast(st, rotate, risky)
	st.Placeholders.countRisk(&st.Tenants)
	return nil
}

// countLast adds what the last run says of all tenants.
func countLast(st *Status, rotate Task, risky time.Time) {
	if rotate.Last == nil {
		return
	}
	counts := rotate.Last.Counts
	st.Tenants.Total, st.Tenants.NoOwner = counts["tenants"], counts["no_owner"]
	st.Tenants.Served = counts["delivered"] + counts["already"]
	if !rotate.LastComplete.IsZero() && rotate.LastComplete.Before(risky) {
		st.Tenants.AtRisk = max(st.Tenants.AtRisk, counts["tenants"]-counts["no_owner"]-st.Placeholders.safe())
	}
}

func (r *reading) failing(f ledger.Failing, ask ledger.Ask) Failing {
	t := Failing{
		TenantID: f.TenantID, Reason: r.o.Clean(f.Reason), Since: f.Since, Last: f.Last, LastDelivery: f.Delivered,
		AtRisk: ask.Risks(f), Placeholder: f.Placeholder,
	}
	if !f.Minted.IsZero() {
		t.TokenExpires = f.Minted.Add(r.plan.TokenTTL)
	}
	return t
}

func (r *reading) matches(f ledger.Failing, filter string) bool {
	host, _ := r.hosts.get(f.TenantID)
	return strconv.FormatInt(f.TenantID, 10) == filter ||
		strings.Contains(strings.ToLower(f.Reason), filter) || strings.Contains(host, filter)
}

// addHosts shows hosts beside ids if MySQL answers, or did so lately.
func (r *reading) addHosts(ctx context.Context, list []Failing) {
	var unknown []int64
	for _, f := range list {
		if _, known := r.hosts.get(f.TenantID); !known {
			unknown = append(unknown, f.TenantID)
		}
	}
	if r.o.Accounts != nil && !r.other && len(unknown) > 0 {
		ctx, cancel := context.WithTimeout(ctx, accountsTimeout)
		defer cancel()
		if found, err := r.o.Accounts(ctx, unknown); err == nil {
			r.hosts.learn(unknown, found)
		}
	}
	for i := range list {
		list[i].Host, _ = r.hosts.get(list[i].TenantID)
	}
}

// hosts remembers the hosts of tenants that fail.
type hosts struct {
	mu    sync.Mutex
	known map[int64]string // empty for an id that is no tenant's
	since time.Time
}

func (h *hosts) get(id int64) (host string, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	host, known = h.known[id]
	return host, known
}

func (h *hosts) learn(ids []int64, found map[int64]Account) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || time.Since(h.since) > hostsFor || len(h.known)+len(ids) > mostHosts {
		h.known, h.since = map[int64]string{}, time.Now()
	}
	for _, id := range ids {
		h.known[id] = found[id].Host
	}
}
