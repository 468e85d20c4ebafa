package porta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// API stands in for the part of Porta's admin API that Zync reads. It knows tenants by
// their host and tokens by their digest, and answers by the tenant's state, as Porta
// does. Services and applications exist until they are removed.
type API struct {
	porta *Porta
	zync  string // ZYNC_AUTHENTICATION_TOKEN

	mu      sync.Mutex
	fault   func(Request) Fault
	removed map[string]bool
	asked   []Request
}

// Request is a request as Porta received it.
type Request struct {
	Method, URI, Host string
	Token             string // that of Authorization
	Header            http.Header
}

// Fault says how a request fails. The zero Fault is no failure.
type Fault struct {
	Status   int    // answer with this status instead of Porta's own
	Type     string // its Content-Type
	Body     string
	Delay    time.Duration
	Hang     bool // do not answer until the client gives up
	Cut      bool // close the connection instead of answering
	CutShort bool // send less than the header promises
}

// NewAPI answers for the tenants in a database. zync is the credential with which Zync
// sees tenants that are scheduled for deletion.
func NewAPI(p *Porta, zync string) *API {
	return &API{porta: p, zync: zync, removed: map[string]bool{}}
}

// SetFault makes f decide how each request fails. nil ends all faults.
func (a *API) SetFault(f func(Request) Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
}

// Remove removes what a path and query of a tenant name.
func (a *API) Remove(host, uri string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.removed[host+uri] = true
}

// Asked returns all requests so far.
func (a *API) Asked() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, token, _ := r.BasicAuth()
	request := Request{
		Method: r.Method, URI: r.RequestURI, Host: hostOf(r), Token: token, Header: r.Header.Clone(),
	}
	if a.fails(w, r, request) {
		return
	}
	status, kind, body := a.answer(r.Context(), request)
	if kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.Header().Set("X-Request-Id", r.Header.Get("X-Request-Id"))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}

func hostOf(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" {
		return forwarded
	}
	return r.Host
}

func (a *API) fails(w http.ResponseWriter, r *http.Request, request Request) bool {
	a.mu.Lock()
	a.asked = append(a.asked, request)
	var fault Fault
	if a.fault != nil {
		fault = a.fault(request)
	}
	a.mu.Unlock()
	switch {
	case !wait(r.Context(), fault.Delay):
		return true
	case fault.Hang:
		<-r.Context().Done()
	case fault.Cut:
		panic(http.ErrAbortHandler)
	case fault.Status == 0:
		return false
	default:
		if fault.Type != "" {
			w.Header().Set("Content-Type", fault.Type)
		}
		if fault.CutShort {
			w.Header().Set("Content-Length", fmt.Sprint(len(fault.Body)+10))
		}
		w.WriteHeader(fault.Status)
		_, _ = w.Write([]byte(fault.Body))
	}
	return true
}

// Porta's answers without a record.
const (
	jsonType = "application/json; charset=utf-8"
	// RailsNotFound is Rails' answer for a path or host without a route.
	RailsNotFound = `{"status":404,"error":"Not Found"}`
	// RecordNotFound is the answer of Porta's own handler for a record that does not
	// exist.
	RecordNotFound = `{"status":"Not found"}`
	// NotFoundPage is public/404.html.
	NotFoundPage = "<!DOCTYPE html><html><head><title>Not Found</title></head><body>404</body></html>"
	forbidden    = `{"error":"Your access token does not have the correct permissions"}`
)

var servicePath = regexp.MustCompile(`^/admin/api/services/([0-9]+)/proxy\.json$`)

func (a *API) answer(ctx context.Context, r Request) (status int, kind, body string) {
	path, _, _ := strings.Cut(r.URI, "?")
	service := servicePath.FindStringSubmatch(path)
	known := service != nil || path == "/admin/api/provider.json" || path == "/admin/api/applications/find.json"
	var tenant struct {
		ID    int64          `db:"id"`
		State sql.NullString `db:"state"`
	}
	err := a.porta.DB.GetContext(ctx, &tenant,
		"SELECT id, state FROM accounts WHERE self_domain = ? AND (provider = 1 OR master = 1)", r.Host)
	zync := r.Header.Get("X-Zync-Token") == a.zync && a.zync != ""
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && !known:
		return http.StatusNotFound, jsonType, RailsNotFound
	case err != nil:
		return http.StatusInternalServerError, "text/html", "We're sorry, but something went wrong."
	case tenant.State.String == "scheduled_for_deletion" && !zync:
		return http.StatusNotFound, "text/html", NotFoundPage
	case r.Token == "":
		return http.StatusUnauthorized, "", "HTTP Basic: Access denied.\n"
	}
	id, ok, err := a.porta.Accepts(ctx, r.Token)
	switch {
	case err != nil:
		return http.StatusInternalServerError, "text/html", "We're sorry, but something went wrong."
	case !ok || id != tenant.ID:
		return http.StatusForbidden, jsonType, forbidden
	case tenant.State.String != "approved":
		return http.StatusForbidden, "", ""
	case path == "/admin/api/provider.json":
		return http.StatusOK, jsonType, fmt.Sprintf(`{"account":{"id":%d,"state":"approved"}}`, tenant.ID)
	case a.gone(r):
		return http.StatusNotFound, jsonType, RecordNotFound
	case service != nil:
		return http.StatusOK, jsonType, fmt.Sprintf(`{"proxy":{"service_id":%s,"endpoint":"https://api.example.com:443"}}`, service[1])
	}
	return http.StatusOK, jsonType, `{"application":{"id":11,"state":"live","client_id":"abc123"}}`
}

func (a *API) gone(r Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.removed[r.Host+r.URI]
}

// wait waits for d, and returns false if ctx ends first.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
