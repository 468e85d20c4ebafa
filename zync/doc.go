// Package zync speaks HTTP with Zync, and with Porta as Zync does.
//
// A [Client] pushes a tenant's token to Zync and returns the result: an
// [Answer] is delivered, invalid for this tenant, rejected for every tenant, or a
// temporary failure. The client never retries; its caller decides when to try
// again. A [Porta] uses a token once, as Zync would use it.
//
// Zync's web server has three threads, and an open connection that sends nothing
// blocks one of them. So the client opens a connection only to send a request on
// it at once, and never opens more than it was told to.
//
// Plaintext tokens and the credential pass through here and into no error: an
// error says which status came back and never quotes an answer.
package zync
