package status

import (
	"context"
	"fmt"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

const noSuchTenant = "Porta has no tenant with this id"

// Tenant is all that is known of one tenant.
type Tenant struct {
	TenantID int64 `json:"tenant_id"`
	// Account is nil if MySQL was not asked, did not answer, or knows no such tenant;
	// NoAccount says which.
	Account      *Account  `json:"account,omitempty"`
	NoAccount    string    `json:"no_account,omitempty"`
	LastDelivery time.Time `json:"last_delivery,omitzero"`
	TokenExpires time.Time `json:"token_expires,omitzero"`
	AtRisk       bool      `json:"at_risk"`
	// Placeholder is when a placeholder was pushed that Zync may hold; zero if none was.
	Placeholder time.Time `json:"placeholder,omitzero"`
	// ServedBy is the process that made the last delivery, and RunID its run; empty if
	// that run is not among the last ones on record.
	ServedBy string `json:"served_by,omitempty"`
	RunID    string `json:"run_id,omitempty"`
	// Failing is nil if no push has failed since the last delivery.
	Failing *Failing `json:"failing,omitempty"`
}

// tenant reads what is known about the tenant of the query.
func (r *reading) tenant(ctx context.Context, st *Status) error {
	id := st.Query.Tenant
	if id == 0 {
		return nil
	}
	fared, err := r.from.Tenant(ctx, id)
	if err != nil {
		return err
	}
	ask := ledger.Ask{Risky: st.Now.Add(-r.plan.TokenTTL / 2), Replaced: st.Placeholders.replaced()}
	held := fared.Delivery.Placeholder
	t := &Tenant{
		TenantID: id, LastDelivery: fared.Delivery.At, Placeholder: held,
		AtRisk: ask.Risks(ledger.Failing{Delivered: fared.Delivery.At, Placeholder: held}),
	}
	if minted := fared.Delivery.Minted; !minted.IsZero() {
		t.TokenExpires = minted.Add(r.plan.TokenTTL)
	}
	if fared.Failure != nil {
		f := r.failing(*fared.Failure, ask)
		t.Failing = &f
	}
	t.Account, t.NoAccount = r.account(ctx, id)
	t.AtRisk = t.AtRisk && t.mayHaveToken()
	if t.Failing != nil && t.Account != nil {
		t.Failing.Host = t.Account.Host
	}
	st.Tenant = t
	return nil
}

func (r *reading) account(ctx context.Context, id int64) (*Account, string) {
	switch {
	case r.o.Accounts == nil:
		return nil, "MySQL was not asked: DATABASE_URL is not given"
	case r.other:
		return nil, "MySQL was not asked: it is another Porta's"
	}
	found, err := r.o.Accounts(ctx, []int64{id})
	account, known := found[id]
	switch {
	case err != nil:
		return nil, "MySQL does not answer"
	case !known:
		return nil, noSuchTenant
	}
	return &account, ""
}

// unknown is true if Porta has no such tenant.
func (t *Tenant) unknown() bool { return t.NoAccount == noSuchTenant }

// mayHaveToken is false for a tenant that gets none, since it has no owner or does not
// exist. It is no tenant at risk, as in the counts.
func (t *Tenant) mayHaveToken() bool {
	return !t.unknown() && (t.Account == nil || t.Account.OwnerID != 0)
}

// servedBy finds the run that made the last delivery. A run that began just after it, or
// delivered nothing, did not.
func (t *Tenant) servedBy(history []ledger.Run) {
	for _, run := range history {
		began := run.Began().Truncate(time.Millisecond) // as deliveries are recorded
		if run.Counts["delivered"] > 0 && !t.LastDelivery.Before(began) && !t.LastDelivery.After(run.Ended) {
			t.ServedBy, t.RunID = run.By, run.RunID
			return
		}
	}
}

// problems says what is wrong with the tenant.
func (t *Tenant) problems(st Status) (found []string) {
	name := fmt.Sprintf("tenant %d", t.TenantID)
	switch {
	case t.unknown():
		found = append(found, name+": "+noSuchTenant)
	case !t.mayHaveToken():
		found = append(found, name+" has no owner: give it an admin in Porta")
	case t.NoAccount != "" && t.Account == nil && t.LastDelivery.IsZero() && t.Failing == nil:
		found = append(found, fmt.Sprintf("%s: no delivery is on record; %s", name, t.NoAccount))
	case !t.Placeholder.IsZero() && t.AtRisk:
		found = append(found, fmt.Sprintf("%s is at risk: Zync may hold a placeholder, and %s", name, st.Placeholders.Why()))
	case t.LastDelivery.IsZero():
		found = append(found, name+": no delivery is on record")
	case !t.TokenExpires.IsZero() && !t.TokenExpires.After(st.Now):
		found = append(found, name+": the token at Zync has expired")
	case t.AtRisk:
		found = append(found, fmt.Sprintf("%s is at risk: its token expires in %s", name, inWords(t.TokenExpires.Sub(st.Now))))
	}
	if t.Failing != nil {
		found = append(found, fmt.Sprintf("%s has been failing for %s: %s", name, inWords(st.Now.Sub(t.Failing.Since)), t.Failing.Reason))
	}
	return found
}
