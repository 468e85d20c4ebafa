package gateway

import "net/http"

// facts are what is known when Porta has answered.
type facts struct {
	endpoint endpoint
	tenant   bool       // MySQL knows a tenant with the host
	token    tokenState // known only after Porta refused it
}

// tokenState is what MySQL says of a token that Porta refused.
type tokenState int

const (
	notLookedFor tokenState = iota // or MySQL is away
	alive
	dead // gone or expired
)

// judge decides what Zync gets for Porta's answer. It hands on only answers that are known
// to be harmless. Zync takes a 404, a 422, an empty 200 and a time-out for "gone", and
// deletes.
func judge(known facts, a answer) reply {
	switch {
	case a.trouble != noTrouble:
		return reply{verdict: refuse(a, a.trouble.reason())}
	case known.tenant:
		return reply{verdict: judgeKnownTenant(known, a)}
	}
	return reply{verdict: judgeUnknownHost(a)}
}

func judgeKnownTenant(known facts, a answer) verdict {
	switch {
	case a.status == http.StatusOK:
		if a.whole && hasObject(a.body, known.endpoint.key) {
			return handOn(a, served, "")
		}
	case a.status == http.StatusNotFound:
		if known.endpoint.mayBeGone && a.whole && saysNotFound(a.body) {
			return handOn(a, gone, portaSaysGone)
		}
		return refuse(a, portaLost)
	case a.refusesToken() && known.token == dead:
		return verdict{answer: a, again: true}
	case a.refusesToken():
		return handOn(a, refused, portaRefuses)
	case a.status == http.StatusTooManyRequests, a.status >= 500 && a.status <= 599:
		return handOn(a, portaFailed, portaFails)
	}
	return refuse(a, portaUnusable)
}

// judgeUnknownHost judges the answer for a host that belongs to no tenant in MySQL.
func judgeUnknownHost(a answer) verdict {
	if a.status == http.StatusNotFound {
		return handOn(a, gone, unknownHostGone)
	}
	return refuse(a, unknownHostRefused)
}
