// Package gateway carries Zync's requests to Porta, each with a live sync token of the
// tenant that the request is for.
//
// Zync deletes a tenant's client at the identity provider when Porta answers with 404,
// with 422, with an empty 200, or not in time. So the gateway reads Porta's answer
// whole and judges it. It lets 404 through only where the application is certainly
// gone, and turns the other dangerous answers into errors that Zync tries again.
//
// The gateway serves three read-only paths to Zync alone, which it knows by X-Zync-Token.
// It keeps tokens in memory. It mints one at a tenant's first request, and needs MySQL
// only for that. It holds no other state, so any number of gateways can work beside each
// other. A restart costs one token for each tenant whose data Zync asks for.
//
// The program builds a [Gateway] with [New], runs it with [Gateway.Serve], and ends it
// with [Gateway.Close]. While MySQL is away, it uses the tokens in memory until five
// minutes before they expire. If it has no answer, it sends 502, 503 or 504.
package gateway
