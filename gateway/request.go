package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/token-scheduler/token-scheduler/db"
	"github.com/token-scheduler/token-scheduler/secret"
)

// patience limits the time of one request. Zync waits 60 s for an answer and deletes after
// the second time-out, so the gateway must answer before that.
const patience = 28 * time.Second

// ServeHTTP carries one request: it admits the request, gets a token, asks Porta, judges
// the answer and hands it on.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := g.now()
	asked, refusal := g.admit(r)
	if refusal == "" && !g.enter() {
		refusal = tooMany
	}
	if refusal != "" {
		g.finish(w, asked, own(refusal), began)
		return
	}
	defer g.leave()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	reply := g.carry(ctx, asked)
	defer reply.answer.free()
	if r.Context().Err() != nil {
		// The client has hung up, or closed its side only and still reads. To return would
		// send an empty 200, so break the connection.
		panic(http.ErrAbortHandler)
	}
	g.finish(w, asked, reply, began)
}

// admit reads a request and checks it, rule by rule. It returns the reason to refuse it,
// or an empty one.
func (g *Gateway) admit(r *http.Request) (asked, reason) {
	a := asked{id: r.Header.Get("X-Request-Id"), accept: r.Header.Get("Accept"), remote: r.RemoteAddr}
	if !knowsZync(r, g.zync()) {
		return a, wrongCredential
	}
	var rawQuery string
	var ok bool
	if a.endpoint, rawQuery, ok = parseTarget(r.RequestURI); !ok {
		return a, otherPath
	}
	if r.Method != http.MethodGet {
		return a, otherMethod
	}
	if a.query, ok = parseQuery(rawQuery); !ok {
		return a, otherQuery
	}
	if a.host, a.forwarded, ok = hostOf(r); !ok {
		return a, badHost
	}
	return a, ""
}

// carry sends Zync's request to Porta, with a live token of the tenant.
func (g *Gateway) carry(ctx context.Context, a asked) reply {
	held, err := g.tokenFor(ctx, a.host)
	if err != nil {
		return g.withoutToken(ctx, a, held, err)
	}
	answer := g.porta.ask(ctx, a, held.host, held.token.plaintext)
	known := facts{endpoint: a.endpoint, tenant: true}
	if answer.refusesToken() {
		known.token = g.tokens.look(ctx, held.token)
	}
	out := judge(known, answer)
	if out.again {
		answer.free()
		if held, err = g.tokenFor(ctx, a.host); err != nil {
			return g.withoutToken(ctx, a, held, err)
		}
		out = judge(facts{endpoint: a.endpoint, tenant: true}, g.porta.ask(ctx, a, held.host, held.token.plaintext))
	}
	out.held = held
	return out
}

// tokenFor returns a live token for the tenant of a request's host; see [tokens.get].
func (g *Gateway) tokenFor(ctx context.Context, host string) (h *held, err error) {
	for _, name := range g.hosts.selfDomains(host) {
		if h, err = g.tokens.get(ctx, name); !errors.Is(err, db.ErrNoTenant) {
			break
		}
	}
	return h, err
}

// withoutToken answers where there is no token, by the reason why. The tenant is nil where
// it is not known.
func (g *Gateway) withoutToken(ctx context.Context, a asked, tenant *held, err error) reply {
	if errors.Is(err, db.ErrNoTenant) && a.forwarded {
		return g.carryUnknownHost(ctx, a)
	}
	out := own(noToken)
	switch {
	case errors.Is(err, db.ErrNoTenant):
		out = own(hostOfNoTenant)
	case errors.Is(err, errMaster):
		out = own(masterHost)
	case errors.Is(err, errPort):
		out = own(hostWithPort)
	case errors.Is(err, errNoOwner):
		out = own(noOwner)
	default:
		out.err = err
	}
	out.held = tenant
	return out
}

// carryUnknownHost asks Porta, without a token, for a host that belongs to no tenant in
// MySQL. Zync is told that the tenant is gone only if Porta says 404, and MySQL, asked again
// afterwards, still knows no such tenant.
func (g *Gateway) carryUnknownHost(ctx context.Context, a asked) reply {
	answer := g.porta.ask(ctx, a, a.host, secret.Text{})
	known := facts{endpoint: a.endpoint}
	if answer.status == http.StatusNotFound {
		exists, err := g.tokens.exists(ctx, g.hosts.selfDomains(a.host))
		if err != nil {
			answer.free()
			return g.withoutToken(ctx, a, nil, err)
		}
		if exists {
			answer.free()
			return own(portaLost)
		}
	}
	return judge(known, answer)
}

// finish hands the answer to Zync, counts it and logs a refusal.
func (g *Gateway) finish(w http.ResponseWriter, a asked, out reply, began time.Time) {
	out.write(w)
	now := g.now()
	if out.outcome == served || out.outcome == gone {
		g.carried.Store(now.UnixNano())
	}
	g.metrics.count(out, now.Sub(began))
	g.refusals.log(a, out)
}

// enter takes a slot for a request. It returns false if none is free.
func (g *Gateway) enter() bool {
	select {
	case g.slots <- struct{}{}:
		return true
	default:
		return false
	}
}

func (g *Gateway) leave() { <-g.slots }
