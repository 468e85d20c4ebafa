package status

import (
	"bytes"
	_ "embed" // for the page's template
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

//go:embed page.html
var pageHTML string

// Page serves the status to browsers and as JSON. It can change nothing.
type Page struct {
	template *template.Template
	read     func(r *http.Request) (Status, error)
}

// NewPage returns a page that shows what read returns.
func NewPage(read func(r *http.Request) (Status, error)) (*Page, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	return &Page{template: t, read: read}, nil
}

// noRedis replaces Redis's own words: everybody who reaches the port can read the
// page.
const noRedis = "Redis does not answer: what it knows of runs and tenants can't be shown"

func (p *Page) status(r *http.Request) (Status, int) {
	st, err := p.read(r)
	if err != nil {
		st.Problems = append([]string{noRedis}, st.Problems...)
		return st, http.StatusServiceUnavailable
	}
	return st, http.StatusOK
}

// HTML answers with the page.
func (p *Page) HTML(w http.ResponseWriter, r *http.Request) {
	st, code := p.status(r)
	var body bytes.Buffer
	if err := p.template.Execute(&body, st); err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = body.WriteTo(w)
}

// JSON answers with the same as JSON.
func (p *Page) JSON(w http.ResponseWriter, r *http.Request) {
	st, code := p.status(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(st)
}

// The methods below are called by the template.

// Mood is the colour of the headline: good, warn or bad.
func (st Status) Mood() string {
	switch {
	case st.Tenants.AtRisk > 0:
		return "bad"
	case len(st.Problems) > 0:
		return "warn"
	}
	return "good"
}

// State is the headline.
func (st Status) State() string {
	return map[string]string{"bad": "At risk", "warn": "Needs a look", "good": "All is well"}[st.Mood()]
}

// More is the number of failing tenants that are not listed.
func (st Status) More() int { return max(0, st.Tenants.Failing-len(st.Failing)) }

// When formats a time relative to the status's own.
func (st Status) When(t time.Time) string {
	switch {
	case t.IsZero():
		return "not known"
	case t.After(st.Now):
		return "in " + short(t.Sub(st.Now))
	}
	return short(st.Now.Sub(t)) + " ago"
}

// Took is how long a run took.
func (Status) Took(r *ledger.Run) string {
	return short(time.Duration(r.Duration * float64(time.Second)))
}

// OutcomeMood is the colour of an outcome.
func (Status) OutcomeMood(outcome string) string {
	return map[string]string{"success": "good", "partial": "warn", "failed": "bad"}[outcome]
}
