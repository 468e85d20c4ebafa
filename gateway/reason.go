package gateway

import "net/http"

// outcome is how a request ended, for the metrics.
type outcome string

const (
	served         outcome = "served"
	gone           outcome = "gone"         // Zync was told that the record is gone
	refused        outcome = "refused"      // by the gateway or by Porta
	unauthorized   outcome = "unauthorized" // not Zync
	portaFailed    outcome = "porta_failed" // Porta did not give a usable answer
	noTokenToBeHad outcome = "no_token"     // there is no token
)

// outcomes are all of them.
func outcomes() []outcome {
	return []outcome{served, gone, refused, unauthorized, portaFailed, noTokenToBeHad}
}

// reason is why Zync did not get what it asked for.
type reason string

const (
	// The gateway answers without asking Porta.
	wrongCredential reason = "wrong_credential" //nolint:gosec // a name
	otherPath       reason = "path"
	otherMethod     reason = "method"
	otherQuery      reason = "query"
	badHost         reason = "host"
	hostOfNoTenant  reason = "host_of_no_tenant"
	masterHost      reason = "master"
	hostWithPort    reason = "self_domain_with_port"
	noOwner         reason = "no_owner"
	noToken         reason = "no_token"
	tooMany         reason = "too_many_requests"

	// The gateway answers in place of Porta.
	portaUnreachable   reason = "porta_unreachable"
	portaSlow          reason = "porta_slow"
	portaUnusable      reason = "porta_answer_unusable"
	portaLost          reason = "porta_404_without_proof"
	unknownHostRefused reason = "unknown_host"

	// Porta's answer goes on to Zync.
	portaRefuses    reason = "porta_refuses"
	portaFails      reason = "porta_fails"
	portaSaysGone   reason = "gone"
	unknownHostGone reason = "unknown_host_gone"
)

// reasons are all of them.
func reasons() []reason {
	return []reason{
		wrongCredential, otherPath, otherMethod, otherQuery, badHost, hostOfNoTenant, masterHost, hostWithPort,
		noOwner, noToken, tooMany, portaUnreachable, portaSlow, portaUnusable, portaLost, unknownHostRefused,
		portaRefuses, portaFails, portaSaysGone, unknownHostGone,
	}
}

// ruling is the gateway's own answer for a reason.
type ruling struct {
	status     int
	outcome    outcome
	text       string
	retryAfter int // seconds
	shield     bool
}

// ruling returns what Zync gets. None of it is a 404, a 422 or an empty 200.
func (r reason) ruling() ruling {
	switch r {
	case wrongCredential:
		return ruling{status: http.StatusUnauthorized, outcome: unauthorized, text: "X-Zync-Token is missing or wrong"}
	case otherPath:
		return ruling{status: http.StatusForbidden, outcome: refused, text: "this path is not served"}
	case otherMethod:
		return ruling{status: http.StatusMethodNotAllowed, outcome: refused, text: "only GET is served"}
	case otherQuery:
		return ruling{status: http.StatusBadRequest, outcome: refused, text: "these parameters are not served"}
	case badHost:
		return ruling{status: http.StatusBadRequest, outcome: refused, text: "X-Forwarded-Host must name one host"}
	case hostOfNoTenant:
		return ruling{status: http.StatusBadRequest, outcome: refused, text: "there is no X-Forwarded-Host, and Host is no tenant's"}
	case masterHost:
		return ruling{status: http.StatusForbidden, outcome: refused, text: "the master account is not served"}
	case hostWithPort:
		return ruling{status: http.StatusForbidden, outcome: refused, text: "the tenant's self_domain has a port in it, which works with no Porta"}
	case noOwner:
		return ruling{status: http.StatusServiceUnavailable, outcome: noTokenToBeHad, text: "the tenant has no admin that could own a token"}
	case noToken:
		return ruling{status: http.StatusServiceUnavailable, outcome: noTokenToBeHad, text: "no token can be had now", retryAfter: 10}
	case tooMany:
		return ruling{status: http.StatusServiceUnavailable, outcome: refused, text: "too many requests at a time", retryAfter: 1}
	case portaUnreachable:
		return ruling{status: http.StatusServiceUnavailable, outcome: portaFailed, text: "Porta cannot be reached"}
	case portaSlow:
		return ruling{status: http.StatusGatewayTimeout, outcome: portaFailed, text: "Porta did not answer in time", shield: true}
	case portaLost:
		return ruling{status: http.StatusServiceUnavailable, outcome: portaFailed, text: "Porta's 404 does not prove that it is gone", shield: true}
	case unknownHostRefused:
		return ruling{status: http.StatusForbidden, outcome: refused, text: "no tenant has this host, but Porta does not say 404"}
	default: // portaUnusable
		return ruling{status: http.StatusBadGateway, outcome: portaFailed, text: "Porta's answer cannot be used", shield: true}
	}
}
