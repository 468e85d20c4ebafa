// Package gateway carries Zync's requests to Porta, each with a live sync token of the
// tenant that the request is for.
//
// Zync deletes a tenant's client at the identity provider when Porta answers with 404,
// with 422, with an empty 200, or not in time. So the gateway reads Porta's answer
// whole and judges it. It lets 404 through only where the application is certainly
// gone, and turns the other dangerous answers into errors that Zync tries again.
//
// The gateway lets in three read-only paths, and only Zync, which it knows by
// X-Zync-Token. It keeps tokens in memory, mints one when a tenant's first request
// comes, and needs MySQL only for that. It holds no other state: any number of
// gateways work beside each other, and a restart costs one token for each tenant that
// asks.
//
// The program builds a [Gateway] with [New], runs it with [Gateway.Serve], and ends it
// with [Gateway.Close]. While MySQL is away, tokens in memory are used to five minutes
// before they expire. What the gateway cannot answer becomes 502, 503 or 504.
package gateway
