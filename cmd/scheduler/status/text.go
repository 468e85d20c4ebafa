package status

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// Text returns the status for a terminal.
func (st Status) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token-scheduler %s, %s\n", st.Name, st.Now.Format(time.RFC3339))
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) }
	row("leader", st.leaderText())
	for _, t := range st.Tasks {
		row(t.Task, st.taskText(t))
	}
	row("tenants", fmt.Sprintf("%d served, %d failing, %d at risk, %d without an owner",
		st.Tenants.Served, st.Tenants.Failing, st.Tenants.AtRisk, st.Tenants.NoOwner))
	for _, problem := range st.Problems {
		row("problem", problem)
	}
	if len(st.Failing) > 0 {
		row()
		row("tenant", "at risk", "last delivery", "token expires", "failing for", "reason")
	}
	for _, f := range st.Failing {
		row(fmt.Sprint(f.TenantID), yesNo(f.AtRisk), st.When(f.LastDelivery), st.When(f.TokenDies), st.ago(f.Since), f.Reason)
	}
	if more := st.More(); more > 0 && len(st.Failing) > 0 {
		row(fmt.Sprintf("and %d more", more))
	}
	_ = w.Flush() // a strings.Builder takes everything
	return b.String()
}

func (st Status) leaderText() string {
	if st.Leader == nil {
		return "nobody"
	}
	return fmt.Sprintf("%s, version %s, up %s", st.Leader, st.Leader.Version, st.ago(st.Leader.Started))
}

func (st Status) taskText(t Task) string {
	var parts []string
	if t.RunningBy != nil {
		parts = append(parts, "running on "+t.RunningBy.String())
	}
	if t.Last == nil {
		parts = append(parts, "no run on record")
	} else {
		parts = append(parts, fmt.Sprintf("%s %s ago in %s on %s", t.Last.Outcome, st.ago(t.Last.Ended), st.Took(t.Last), t.Last.By))
	}
	if !t.LastComplete.IsZero() {
		parts = append(parts, "last reached everyone "+st.ago(t.LastComplete)+" ago")
	}
	if !t.LastSuccess.IsZero() {
		parts = append(parts, "last without failures "+st.ago(t.LastSuccess)+" ago")
	}
	return strings.Join(append(parts, "next "+st.When(t.Next)), "; ")
}

func (st Status) ago(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return short(max(0, st.Now.Sub(t)))
}

// short formats a duration with at most two units: 3d4h, 5h12m, 7m3s, 1.2s, 40ms.
func short(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "no"
}
