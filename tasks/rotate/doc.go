// Package rotate gives every tenant a new sync token and pushes it to Zync.
//
// The daemon and --run-once run a [Rotation] under the task's run lease. One run
// lists the tenants, leaves out those served earlier in the window, inserts tokens
// a little ahead of the pushes, pushes them with a fixed number of workers, and
// records each result. It never changes a tenant's previous tokens: Zync may hold
// one of them until the new one has arrived, and Porta may push its own.
//
// A run reads as it stands in loop.go. What it knows is kept in small types:
// [plan] knows who is due, [hand] the tokens that wait for a push, [health] whether
// Zync is in trouble, [share] how much time failing tenants may take, and [memory]
// what one run leaves to the next.
//
// With placeholders, a run pushes a fixed text in place of tokens as long as a gateway
// between Zync and Porta puts working tokens into Zync's requests; see placeholder.go. If
// none does any more, [Rotation.Recall] gives everyone a token.
//
// On failure: a tenant that fails alone has a few tries and costs the others
// nothing; the run ends without an error and a later run tries that tenant again.
// A Zync that fails for everyone stops the minting, so that an outage costs a
// handful of tokens. A run fails as a whole only if it could not work or did not
// reach everyone. Whatever ends it, the next run in the window does what is left.
package rotate
