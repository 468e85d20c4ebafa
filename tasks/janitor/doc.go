// Package janitor deletes stale sync tokens: those that have expired, and those
// from before sync tokens expired at all, as soon as their tenants have newer
// ones. It goes forward by primary key in short steps, so that nobody waits for
// it, and needs no index that Porta does not have.
package janitor
