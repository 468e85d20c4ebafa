package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

// Text returns the status for a terminal.
func (st Status) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token-scheduler %s, %s\n", st.Name, st.Now.Format(time.RFC3339))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	switch {
	case st.Tenant != nil:
		st.writeTenant(w)
	case st.Query.History:
		st.writeHistory(w)
	default:
		st.writeAll(w)
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

// row writes the cells of one line.
func row(w io.Writer, cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }

func (st Status) writeAll(w io.Writer) {
	row(w, "porta", orDash(st.Porta))
	row(w, "leader", st.leaderText())
	for _, p := range st.Standbys {
		row(w, "standby", fmt.Sprintf("%s, version %s, up %s", p, p.Version, st.ago(p.Started)))
	}
	for _, g := range st.Gateways {
		row(w, "gateway", fmt.Sprintf("%s on %s, up %s; %s; last request %s", g.By, g.Address, st.ago(g.Since), counted(g.Tokens, "token"), st.LastRequest(g)))
	}
	for _, t := range st.Tasks {
		row(w, t.Task, st.taskText(t))
	}
	row(w, "tenants", fmt.Sprintf("%d served, %d failing, %d at risk, %d without an owner",
		st.Tenants.Served, st.Tenants.Failing, st.Tenants.AtRisk, st.Tenants.NoOwner))
	if st.Placeholders != nil {
		row(w, "placeholders", st.Placeholders.Text())
	}
	st.writeProblems(w)
	for _, r := range st.Reasons[:min(len(st.Reasons), 10)] {
		row(w, "reason", fmt.Sprintf("%s: %s", tenants(r.Tenants), orOthers(r.Reason)))
	}
	if len(st.Failing) > 0 {
		row(w)
		row(w, "tenant", "at risk", "last delivery", "token expires", "failing for", "host", "reason")
	}
	for _, f := range st.Failing {
		row(w, fmt.Sprint(f.TenantID), yesNo(f.AtRisk), st.When(f.LastDelivery), st.When(f.TokenExpires), st.ago(f.Since), orDash(f.Host), f.Reason)
	}
	if more := st.More(); more > 0 && len(st.Failing) > 0 {
		row(w, fmt.Sprintf("and %d more", more))
	}
}

func (st Status) writeProblems(w io.Writer) {
	for _, p := range st.Problems {
		row(w, "problem", p.Text)
	}
}

func (st Status) writeTenant(w io.Writer) {
	t := st.Tenant
	row(w, "tenant", fmt.Sprint(t.TenantID))
	if a := t.Account; a != nil {
		row(w, "host", orDash(a.Host))
		row(w, "state", orDash(a.State))
		row(w, "owner", a.ownerText())
	} else {
		row(w, "host, state, owner", "not known: "+t.NoAccount)
	}
	row(w, "last delivery", st.exactly(t.LastDelivery)+t.byText())
	row(w, "token expires", st.exactly(t.TokenExpires))
	if !t.Placeholder.IsZero() {
		row(w, "placeholder", "Zync may hold it, pushed "+st.exactly(t.Placeholder))
	}
	row(w, "at risk", yesNo(t.AtRisk))
	if f := t.Failing; f != nil {
		row(w, "failing since", st.exactly(f.Since))
		row(w, "last failure", st.exactly(f.Last))
		row(w, "reason", f.Reason)
	} else {
		row(w, "failing", "no")
	}
	st.writeProblems(w)
}

func (a Account) ownerText() string {
	if a.OwnerID == 0 {
		return "none: the tenant has no admin"
	}
	return fmt.Sprintf("user %d, %s", a.OwnerID, a.Owner)
}

func (t *Tenant) byText() string {
	if t.ServedBy == "" {
		return ""
	}
	return fmt.Sprintf(", by %s in run %s", t.ServedBy, t.RunID)
}

// mostOnScreen is how many runs are listed.
const mostOnScreen = 50

func (st Status) writeHistory(w io.Writer) {
	row(w, "ended", "task", "outcome", "took", "numbers", "by", "run", "error")
	for _, r := range st.History[:min(len(st.History), mostOnScreen)] {
		row(w, r.Ended.UTC().Format(time.RFC3339), r.Task, r.Outcome, st.Took(&r), st.Numbers(r), r.By, r.RunID, firstLine(r.Error))
	}
	st.writeProblems(w)
}

// Numbers are what a run did, in words.
func (Status) Numbers(r ledger.Run) string {
	if r.Task == "janitor" {
		return fmt.Sprintf("%d purged, %d kept", r.Counts["purged"], r.Counts["kept"])
	}
	text := fmt.Sprintf("%d of %d served, %d failed", r.Counts["delivered"]+r.Counts["already"], r.Counts["tenants"], r.Counts["failed"])
	if n := r.Counts["no_owner"]; n > 0 {
		text += fmt.Sprintf(", %d without an owner", n)
	}
	if n := r.Counts["placeholders"]; n > 0 {
		text += fmt.Sprintf(", %d with a placeholder", n)
	}
	switch {
	case r.Chosen && r.ByHand:
		return text + ", for some tenants by --tenant"
	case r.Chosen:
		return text + ", for some tenants"
	}
	return text
}

func (st Status) leaderText() string {
	switch {
	case st.RedisAway:
		return "not known: Redis does not answer"
	case st.Leader == nil:
		return "nobody"
	}
	return fmt.Sprintf("%s, version %s, up %s", st.Leader, st.Leader.Version, st.ago(st.Leader.Started))
}

func (st Status) taskText(t Task) string {
	var parts []string
	if t.RunningBy != nil {
		parts = append(parts, "running on "+t.RunningBy.String()+st.Sofar(t))
	}
	if t.Last == nil {
		parts = append(parts, "no run on record")
	} else {
		parts = append(parts, fmt.Sprintf("last %s %s ago in %s on %s", t.Last.Outcome, st.ago(t.Last.Ended), st.Took(t.Last), t.Last.By))
	}
	if !t.LastComplete.IsZero() {
		parts = append(parts, "last reached everyone "+st.ago(t.LastComplete)+" ago")
	}
	if !t.LastSuccess.IsZero() {
		parts = append(parts, "last without failures "+st.ago(t.LastSuccess)+" ago")
	}
	return strings.Join(append(parts, "next "+st.When(t.Next)), "; ")
}

// Sofar says how far the run at work is; nothing if that is not known.
func (Status) Sofar(t Task) string {
	p := t.Progress
	switch {
	case p == nil:
		return ""
	case p.Total == 0:
		return fmt.Sprintf(": in this run %d", p.Done)
	}
	return fmt.Sprintf(": in this run %d of %d, %d failing", p.Done, p.Total, p.Failing)
}

// exactly is a time with how long ago it was.
func (st Status) exactly(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format(time.RFC3339) + " (" + st.When(t) + ")"
}
