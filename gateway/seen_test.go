package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

func (w *world) shielded() float64 { return testutil.ToFloat64(w.metrics.shielded) }

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	families, err := w.registry.Gather()
	if err != nil || len(families) != 4 || len(families[1].GetMetric()) != len(outcomes()) && len(families[2].GetMetric()) != len(outcomes()) {
		t.Errorf("from the start there are %d metrics: %v", len(families), families)
	}
	w.mustAnswer(t, hostOne, 200)
	w.do(zyncAsks(hostOne, "/"))
	unknown := zyncAsks(hostOne, providerPath)
	unknown.Header.Del("X-Zync-Token")
	w.do(unknown)
	w.mustAnswer(t, "nobody.example.com", 404)
	for _, status := range []int{404, 204, 500, 403} { // two of these are shielded
		w.porta.answers(status, "")
		w.ask(hostOne)
	}
	w.tenants.set(func(f *tenantsFake) { f.err = errAway })
	w.mustAnswer(t, "t2.example.com", 503)
	for o, want := range map[outcome]float64{served: 1, gone: 1, refused: 2, unauthorized: 1, portaFailed: 3, noTokenToBeHad: 1} {
		if got := w.counted(o); got != want {
			t.Errorf("%s: %v, want %v", o, got, want)
		}
	}
	if w.shielded() != 2 || w.tokens.count() != 1 {
		t.Errorf("shielded %v, in hand %d", w.shielded(), w.tokens.count())
	}
}

func TestLastRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.do(zyncAsks(hostOne, "/"))
	w.porta.answers(500, "")
	w.ask(hostOne)
	if at := w.LastRequest(); !at.IsZero() {
		t.Errorf("at %s a request was carried", at)
	}
	w.porta.answersBy(nil)
	w.ask(hostOne)
	if since := time.Since(w.LastRequest()); since < 0 || since > time.Minute {
		t.Errorf("%s ago", since)
	}
}

// TestRefusalsAreLogged once a minute for each reason, with what an operator needs and
// without what nobody may read.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	_, token, _ := w.porta.last().BasicAuth()
	if w.log.text() != "" {
		t.Errorf("what was served is logged: %s", w.log.text())
	}
	w.porta.answers(403, "")
	var bodies strings.Builder
	for range 20 {
		bodies.WriteString(w.ask(hostOne).Body.String())
		bodies.WriteString(w.do(zyncAsks(hostOne, "/x?access_token="+token)).Body.String())
		r := zyncAsks(hostOne, providerPath)
		r.Header.Set("X-Zync-Token", "guess")
		r.Header.Set("X-Request-Id", strings.Repeat("y", 10_000))
		bodies.WriteString(w.do(r).Body.String())
		w.porta.answersBy(func(*http.Request) (*http.Response, error) { return nil, errAway })
		bodies.WriteString(w.ask(hostOne).Body.String())
		w.porta.answers(403, "")
	}
	log := w.log.text()
	if n := strings.Count(log, "\n"); n != 4 {
		t.Errorf("%d lines, want 4:\n%s", n, log)
	}
	for _, want := range []string{"tenant_id=1", "request_id=request-1", "reason=porta_refuses", "reason=path", "reason=wrong_credential", "state=approved", "remote=192.0.2.1:1234"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %s in\n%s", want, log)
		}
	}
	for name, hidden := range map[string]string{
		"token": token, "digest": db.Digest(secret.New(token)).Reveal(), "credential": credential, "guess": "guess",
		"Authorization": "Basic", "placeholder": "OnN5bmM=", "a long text": strings.Repeat("y", 200),
	} {
		if strings.Contains(log, hidden) || strings.Contains(bodies.String(), hidden) {
			t.Errorf("the %s is in a log line or an answer", name)
		}
	}
}

// TestRefusalsNameTheTenant: also those of a tenant that has no token.
func TestRefusalsNameTheTenant(t *testing.T) {
	t.Parallel()
	for name, change := range map[reason]func(*tenantsFake, *db.Account){
		noOwner:      func(_ *tenantsFake, a *db.Account) { a.OwnerID.Valid = false },
		masterHost:   func(_ *tenantsFake, a *db.Account) { a.Master = true },
		hostWithPort: func(_ *tenantsFake, a *db.Account) { a.Host.String += ":3000" },
		noToken:      func(f *tenantsFake, _ *db.Account) { f.mintErr = errAway },
	} {
		t.Run(string(name), func(t *testing.T) {
			w := newWorld(t, 1)
			a := account(1)
			change(w.tenants, &a)
			w.tenants.accounts[hostOne] = a
			w.ask(hostOne)
			if log := w.log.text(); !strings.Contains(log, "reason="+string(name)) || !strings.Contains(log, "tenant_id=1") {
				t.Errorf("logged: %s", log)
			}
		})
	}
}
