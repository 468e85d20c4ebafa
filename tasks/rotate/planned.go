package rotate

import (
	"context"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/ledger"
	"github.com/token-scheduler/token-scheduler/tasks"
)

// verdict says what a run has to do for a tenant.
type verdict int

const (
	due     verdict = iota
	already         // served earlier in the window
	noOwner         // no admin for a token to belong to
)

// planned is a tenant with the verdict on it.
type planned struct {
	tenant  db.Tenant
	verdict verdict
	served  time.Time // last delivery; zero if none is known
	held    time.Time // when a placeholder was pushed that Zync may hold; zero if none
	after   int64     // the tenant before it in the list; zero for the first
	readAt  time.Time // when the row was read
	mints   int       // tokens minted for it in this run
	// failedAt is when a push last failed, before this run; zero if none did, or if
	// nothing is revoked.
	failedAt time.Time
}

// read takes over a row that was read with its owner.
func (p *planned) read(row db.Tenant, at time.Time) {
	p.tenant, p.readAt, p.verdict = row, at, due
	if !row.OwnerID.Valid {
		p.verdict = noOwner
	}
}

// rowsOf reads tenants with their owners; deleted tenants are left out.
func rowsOf(ctx context.Context, tenants Tenants, ids []int64) (map[int64]db.Tenant, error) {
	found, err := tenants.ByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	rows := make(map[int64]db.Tenant, len(found))
	for _, row := range found {
		rows[row.ID] = row
	}
	return rows, nil
}

// servedInWindow tells for each tenant's last delivery whether it lies in the
// window. A delivery in the future counts as not known.
func servedInWindow(served []time.Time, window tasks.Window, now time.Time) []bool {
	in := make([]bool, len(served))
	for i, at := range served {
		served[i] = ledger.Believable(at, now)
		in[i] = !served[i].IsZero() && !served[i].Before(window.Start)
	}
	return in
}

// failedAt tells for each tenant when a push last failed, if that counts.
func (p *plan) failedAt(ctx context.Context, ids []int64) ([]time.Time, error) {
	if !p.o.Revoke || p.o.FailedAt == nil {
		return make([]time.Time, len(ids)), nil
	}
	return p.o.FailedAt(ctx, ids)
}
