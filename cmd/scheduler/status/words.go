package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

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

// inWords formats a duration for a sentence: 2 days, 3 h 59 min, 19 min, 40 s.
func inWords(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", max(0, d)/time.Second)
}

// tenants says how many tenants are, or do, something.
func tenants(n int) string { return counted(n, "tenant") }

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func yesNo(b bool) string {
	if b {
		return "YES"
	}
	return "no"
}

// When formats a time relative to the status's own.
func (st Status) When(t time.Time) string {
	switch {
	case t.IsZero():
		return "not known"
	case t.Sub(st.Now) >= time.Second:
		return "in " + short(t.Sub(st.Now))
	}
	return short(max(0, st.Now.Sub(t))) + " ago" // the status's own time has whole seconds
}

// LastRequest is when a gateway last carried one of Zync's requests.
func (st Status) LastRequest(g ledger.Gateway) string {
	if g.LastRequest.IsZero() {
		return "none yet"
	}
	return st.When(g.LastRequest)
}

func (st Status) ago(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return short(max(0, st.Now.Sub(t)))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func orOthers(reason string) string {
	if reason == "" {
		return "other reasons"
	}
	return reason
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
