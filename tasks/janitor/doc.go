// Package janitor deletes stale sync tokens: those that have expired, and those that
// never expire, once their tenants have newer ones.
//
// The daemon and --run-once run a [Janitor] under the task's run lease. It walks the
// table by primary key in short steps, so that nobody waits for it, and needs no index
// that Porta does not have.
//
// On failure: a step that takes too long is repeated with fewer rows. A run that is
// interrupted leaves the rest to the next one. A token that Zync may hold is kept.
package janitor
