// Package locks connects to Redis and elects there: which daemon schedules, and which
// process runs a task.
//
// [Open] makes a client for one Redis, for Sentinel or for a Cluster. Its calls return
// an [Error], which has no secret in it and may be printed. [Advice] says what to do
// about it.
//
// A [Lease] is a lock that expires unless its holder refreshes it. Its context ends
// when it can no longer be trusted, and that is before Redis gives it to another
// process. [ErrHeld] means that another process has it. A Redis that does not answer,
// refuses or does not know gives another error. A value at a lease's key that would
// never expire is not a lease, and is made to expire.
//
// Redis may lose everything at any time. So a lease elects and does not protect: the
// writer's lock in MySQL protects. A [Fingerprint] of Porta's database separates two
// installations that use the same name by mistake.
package locks
