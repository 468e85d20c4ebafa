// Package rotate gives every tenant a new sync token and pushes it to Zync.
//
// The daemon and --run-once run a [Rotation] under the task's run lease. One run
// lists the tenants, leaves out those served earlier in the window, inserts tokens
// a little ahead of the pushes, pushes them with a fixed number of workers, and
// records each result. It never changes a tenant's previous tokens: Zync may hold
// one of them until the new one has arrived, and Porta may push its own.
//
// Begin to read in loop.go. Each step of the loop has a file: choose.go, mint.go, settle.go,
// tries.go, record.go, trouble.go and end.go. The state is in small types. [plan] knows who
// is due. [hand] has the tokens that wait for a push. [health] knows whether Zync is in
// trouble. [share] limits the time for failing tenants. [memory] keeps what the next run
// needs.
//
// With placeholders, a run pushes a fixed text in place of tokens while a gateway
// between Zync and Porta puts working tokens into Zync's requests; see placeholder.go.
// Once no gateway does, [Rotation.Recall] gives everyone a token.
//
// On failure: a tenant that fails alone has a few tries and does not delay the others. The
// run ends without an error, and a later run tries that tenant again. If Zync fails for
// everyone, minting stops, so that an outage costs a handful of tokens. A run fails as a
// whole only if it could not work or did not reach everyone. The next run in the window
// serves the tenants that are left, whatever ended this one.
package rotate
