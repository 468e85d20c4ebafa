package status

import (
	"bytes"
	"context"
	_ "embed" // for the page's template
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/token-scheduler/token-scheduler/ledger"
)

//go:embed page.html
var pageHTML string

// Page serves the status to browsers and as JSON. It can change nothing.
type Page struct {
	template *template.Template
	read     func(ctx context.Context, q Query) (Status, error)
}

// NewPage returns a page that shows what read returns.
func NewPage(read func(ctx context.Context, q Query) (Status, error)) (*Page, error) {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	return &Page{template: t, read: read}, nil
}

// noRedis replaces Redis's own words: everybody who reaches the port can read the
// page.
const noRedis = "Redis does not answer: what it knows of runs and tenants can't be shown"

// longestFilter is how much of a filter counts.
const longestFilter = 100

// query reads what is asked for from the parameters tenant, filter and history.
// Whatever can't be read asks for nothing.
func query(r *http.Request) Query {
	given := r.URL.Query()
	q := Query{Limit: ListOnPage, Filter: strings.TrimSpace(given.Get("filter")), History: given.Has("history")}
	q.Filter = q.Filter[:min(len(q.Filter), longestFilter)]
	if id, err := strconv.ParseInt(given.Get("tenant"), 10, 64); err == nil && id > 0 {
		q.Tenant = id
	}
	return q
}

func (p *Page) status(r *http.Request, q Query) (Status, int) {
	st, err := p.read(r.Context(), q)
	if err != nil {
		return st, http.StatusServiceUnavailable
	}
	return st, http.StatusOK
}

// HTML answers with the page.
func (p *Page) HTML(w http.ResponseWriter, r *http.Request) {
	q := query(r)
	q.History = true
	st, code := p.status(r, q)
	var body bytes.Buffer
	if err := p.template.Execute(&body, st); err != nil {
		http.Error(w, "the page can't be made", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = body.WriteTo(w)
}

// JSON answers with the same as JSON.
func (p *Page) JSON(w http.ResponseWriter, r *http.Request) {
	st, code := p.status(r, query(r))
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

// More is the number of failing tenants that match and are not listed.
func (st Status) More() int { return max(0, st.Matching-len(st.Failing)) }

// Moment is a time as the page shows it.
type Moment struct{ Words, Exact string }

// At is a time, relative to the status's own and exactly.
func (st Status) At(t time.Time) Moment {
	if t.IsZero() {
		return Moment{Words: st.When(t)}
	}
	return Moment{st.When(t), exact(t)}
}

func exact(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// Took is how long a run took.
func (Status) Took(r *ledger.Run) string {
	return short(time.Duration(r.Duration * float64(time.Second)))
}

// OutcomeMood is the colour of an outcome.
func (Status) OutcomeMood(outcome string) string {
	return map[string]string{"success": "good", "partial": "warn", "failed": "bad"}[outcome]
}

// OrOthers names the reasons that are not told apart.
func (Status) OrOthers(reason string) string { return orOthers(reason) }

// Owner names a tenant's owner.
func (Status) Owner(a *Account) string { return a.ownerText() }
