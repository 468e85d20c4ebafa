// Package ledger remembers on Redis what was delivered to Zync, what failed, and
// how each task's runs ended.
//
// A rotation reads and writes a [Ledger] to serve each tenant once a window; a
// purge, the status page and --status read it. It is a hint and no authority:
// Redis may lose all of it, or hold what this program never wrote. A missing or
// unreadable entry means "not known" and costs one rotation that was not needed.
// Whether a token works is for Porta's database to say.
//
// [Memory] is a ledger in this process alone, for a time without Redis.
package ledger
