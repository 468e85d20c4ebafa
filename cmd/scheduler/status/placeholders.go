package status

import (
	"context"
	"fmt"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Placeholders is what is known about placeholders.
type Placeholders struct {
	Asked   bool `json:"asked"`   // the leader has --push=placeholder
	Tenants int  `json:"tenants"` // for which Zync may hold one
	// Withheld says why live tokens are pushed in place of placeholders; empty while a
	// gateway carries Zync's requests.
	Withheld ledger.Withheld `json:"withheld,omitempty"`
}

// placeholders reads for how many tenants Zync may hold a placeholder, and tells from the
// gateways whether one carries.
func (r *reading) placeholders(ctx context.Context, st *Status) error {
	n, err := r.from.CountPlaceholders(ctx)
	if err != nil {
		return err
	}
	if n == 0 && !r.plan.Placeholder {
		return nil
	}
	why := ledger.Withhold(st.Gateways, nil, st.Now)
	if r.alone() {
		why = ledger.NotKnown
	}
	st.Placeholders = &Placeholders{Asked: r.plan.Placeholder, Tenants: n, Withheld: why}
	return nil
}

// carried is true while a gateway carries Zync's requests.
func (p *Placeholders) carried() bool { return p != nil && p.Withheld == ledger.Allowed }

// replaced is true while a gateway is alive, which replaces placeholders. One that has
// carried nothing was perhaps restarted.
func (p *Placeholders) replaced() bool {
	return p.carried() || (p != nil && p.Withheld == ledger.NoRequest)
}

// safe is for how many tenants Zync's placeholder does.
func (p *Placeholders) safe() int {
	if !p.replaced() {
		return 0
	}
	return p.Tenants
}

// countRisk counts the tenants at risk whose placeholder nobody replaces.
func (p *Placeholders) countRisk(t *Tenants) {
	if p != nil && !p.replaced() {
		t.AtRisk = max(t.AtRisk, p.Tenants)
	}
	t.AtRisk = max(t.AtRisk, 0)
}

// Why says why no placeholders are pushed; nothing if they are.
func (p *Placeholders) Why() string {
	if p == nil {
		return ""
	}
	return p.Withheld.Words()
}

// Text says it in one line.
func (p *Placeholders) Text() string {
	text := fmt.Sprintf("%s with a placeholder at Zync", tenants(p.Tenants))
	switch {
	case p.Asked && p.carried():
		return text + "; a gateway carries Zync's requests"
	case p.Asked:
		return text + "; live tokens are pushed: " + p.Why()
	}
	return text + "; live tokens are pushed, as --push asks"
}

func (p *Placeholders) problems(f *found) {
	if p == nil || p.carried() {
		return
	}
	about := aboutGateway
	if p.Withheld == ledger.NoRequest {
		about = aboutSilence
	}
	if p.Tenants > 0 {
		f.say(about, "Zync may hold a placeholder for %s, and %s", tenants(p.Tenants), p.Why())
	}
	if p.Asked {
		f.say(about, "live tokens are pushed in place of placeholders: %s", p.Why())
	}
}
