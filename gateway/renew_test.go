package gateway

import (
	"context"
	"database/sql"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
)

// TestADeadTokenIsReplaced: who asks with a token that was revoked is served all the same,
// and a hundred of them make one new token.
func TestADeadTokenIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	w.tenants.revoke()
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { w.mustAnswer(t, hostOne, 200) })
	}
	wg.Wait()
	if w.tenants.counts().mints != 2 {
		t.Errorf("%d mints, want 2", w.tenants.counts().mints)
	}
}

func TestARefusalOfALiveTokenIsHandedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.mustAnswer(t, hostOne, 200)
	w.porta.answers(403, "") // suspended
	for range 3 {
		w.mustAnswer(t, hostOne, 403)
	}
	w.tenants.set(func(f *tenantsFake) { f.err = errAway })
	w.tenants.revoke()
	w.mustAnswer(t, hostOne, 403)
	if w.tenants.counts().mints != 1 || w.porta.times() != 5 {
		t.Errorf("%d mints, %d requests", w.tenants.counts().mints, w.porta.times())
	}
	w.tenants.set(func(f *tenantsFake) { f.err = nil })
	w.mustAnswer(t, hostOne, 403) // twice refused
	if w.tenants.counts().mints != 2 || w.porta.times() != 7 {
		t.Errorf("%d mints, %d requests", w.tenants.counts().mints, w.porta.times())
	}
	w.tenants.set(func(f *tenantsFake) { f.mintErr = errAway })
	w.tenants.revoke()
	w.mustAnswer(t, hostOne, 503) // dead, and none to be had
}

// TestTenantsChange: what a look finds counts from then on.
func TestTenantsChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*db.Account)
		want   int
		mints  int
		host   string
	}{
		{"nothing", func(*db.Account) {}, 200, 1, hostOne},
		{"another owner", func(a *db.Account) { a.OwnerID.Int64 = 5 }, 200, 2, hostOne},
		{"another tenant's host", func(a *db.Account) { a.ID = 5 }, 200, 2, hostOne},
		{"no owner", func(a *db.Account) { a.OwnerID = sql.NullInt64{} }, 503, 1, ""},
		{"the master", func(a *db.Account) { a.Master = true }, 403, 1, ""},
		{"another spelling", func(a *db.Account) { a.Host.String = "T1.example.com" }, 200, 1, "T1.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1)
				w.mustAnswer(t, hostOne, 200)
				a := account(1)
				c.change(&a)
				w.tenants.set(func(f *tenantsFake) { f.accounts[hostOne] = a })
				time.Sleep(lookEvery)
				w.mustAnswer(t, hostOne, 200)
				synctest.Wait()
				w.mustAnswer(t, hostOne, c.want)
				if w.tenants.counts().mints != c.mints {
					t.Errorf("%d mints, want %d", w.tenants.counts().mints, c.mints)
				}
				if got := w.porta.last().Header.Get("X-Forwarded-Host"); c.want == 200 && got != c.host {
					t.Errorf("Porta was asked for %s", got)
				}
			})
		})
	}
}

// TestEndpointsFromBefore: Zync may hold an endpoint that only looks like one of the
// template's. Its tenant is served, and nobody deletes it.
func TestEndpointsFromBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.hosts = template{behind: ".example.com"}
	w.mustAnswer(t, hostOne, 200)
	if got := w.porta.last().Header.Get("X-Forwarded-Host"); got != hostOne {
		t.Errorf("Porta was asked for %s", got)
	}
	w.mustAnswer(t, "t2.example.com", 404)
	w.porta.answersBy(func(*http.Request) (*http.Response, error) {
		w.tenants.set(func(f *tenantsFake) { f.accounts["t2.example.com"] = account(2) })
		return response(404, railsJSON), nil
	})
	w.mustAnswer(t, "t2.example.com", 503)
}

func TestUnknownHosts(t *testing.T) {
	t.Parallel()
	const host = "Gone.example.com"
	for _, c := range []struct {
		name   string
		answer func(w *world, r *http.Request) (*http.Response, error)
		want   int
	}{
		{"two witnesses", func(*world, *http.Request) (*http.Response, error) { return response(404, railsJSON), nil }, 404},
		{"Porta knows it", func(*world, *http.Request) (*http.Response, error) { return response(401, ""), nil }, 403},
		{"Porta fails", func(*world, *http.Request) (*http.Response, error) { return response(500, ""), nil }, 403},
		{"Porta is away", func(*world, *http.Request) (*http.Response, error) { return nil, errAway }, 503},
		{"Porta is slow", func(*world, *http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded }, 504},
		{"it comes to be meanwhile", func(w *world, _ *http.Request) (*http.Response, error) {
			w.tenants.set(func(f *tenantsFake) { f.accounts[host] = account(9) })
			return response(404, railsJSON), nil
		}, 503},
		{"MySQL goes away meanwhile", func(w *world, _ *http.Request) (*http.Response, error) {
			w.tenants.set(func(f *tenantsFake) { f.err = errAway })
			return response(404, railsJSON), nil
		}, 503},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1)
			w.porta.answersBy(func(r *http.Request) (*http.Response, error) { return c.answer(w, r) })
			w.mustAnswer(t, host, c.want)
			asked := w.porta.last()
			if _, _, given := asked.BasicAuth(); given || asked.Header.Get("X-Forwarded-Host") != host {
				t.Errorf("Porta was asked with a token: %t, for %s", given, asked.Header.Get("X-Forwarded-Host"))
			}
			if w.tenants.counts().mints != 0 || w.tokens.count() != 0 {
				t.Error("an unknown host has left something behind")
			}
		})
	}
	w := newWorld(t, 1)
	w.tenants.err = errAway
	w.mustAnswer(t, host, 503)
	if w.porta.times() != 0 {
		t.Error("Porta was asked for a host that MySQL could not look up")
	}
}
