package main

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

// page is the status for a browser. It shows what /status has and can do nothing.
type page struct {
	template *template.Template
	read     func(r *http.Request) (status, error)
}

func newPage(read func(r *http.Request) (status, error)) (*page, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	return &page{template: t, read: read}, nil
}

// noRedis takes the place of Redis's own words: the page is for anybody who
// reaches the port.
const noRedis = "Redis does not answer: what it knows of runs and tenants can't be shown"

func (p *page) status(r *http.Request) (status, int) {
	st, err := p.read(r)
	if err != nil {
		st.Problems = append([]string{noRedis}, st.Problems...)
		return st, http.StatusServiceUnavailable
	}
	return st, http.StatusOK
}

func (p *page) html(w http.ResponseWriter, r *http.Request) {
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

func (p *page) json(w http.ResponseWriter, r *http.Request) {
	st, code := p.status(r)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(st)
}

// The methods that the template calls.

// Mood is how the installation fares, and the colour of the headline.
func (st status) Mood() string {
	switch {
	case st.Tenants.AtRisk > 0:
		return "bad"
	case len(st.Problems) > 0:
		return "warn"
	}
	return "good"
}

// State is the headline.
func (st status) State() string {
	return map[string]string{"bad": "At risk", "warn": "Needs a look", "good": "All is well"}[st.Mood()]
}

// More is how many failing tenants are not listed.
func (st status) More() int { return max(0, st.Tenants.Failing-len(st.Failing)) }

// When is a time as seen from the status's own.
func (st status) When(t time.Time) string { return st.when(t) }

// Took is how long a run took.
func (st status) Took(r *ledger.Run) string {
	return short(time.Duration(r.Duration * float64(time.Second)))
}

// OutcomeMood is the colour of an outcome.
func (st status) OutcomeMood(outcome string) string {
	return map[string]string{"success": "good", "partial": "warn", "failed": "bad"}[outcome]
}
