// Package ledger records on Redis what was delivered to Zync, what failed, and how each
// task's runs ended.
//
// A rotation reads and writes a [Ledger], so that each tenant is served once a window.
// A purge, the status page and --status read it.
//
// The ledger is a hint. Redis may lose all of it, or hold values that this program did
// not write. A missing or unreadable entry means "not known", and costs one extra
// rotation. Only Porta's database can say whether a token works.
//
// [Memory] is a ledger in this process only, for a time without Redis.
package ledger
