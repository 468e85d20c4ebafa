// Package rotate gives every tenant a new sync token and hands it to Zync.
//
// A run lists the tenants a page at a time, leaves out those already served in
// the window, inserts tokens a little ahead of the pushes, pushes them with a
// fixed number of workers, tries again what failed for the moment, and records
// what was delivered. It never touches a tenant's earlier tokens: Zync may hold
// one of them until the new one has arrived, and Porta may push its own.
//
// Tokens are minted only as fast as Zync takes them: the first batch is one
// token, and none is minted while Zync is down. So a wrong credential, or a Zync
// that is away, costs a handful of tokens, however many tenants there are.
package rotate
