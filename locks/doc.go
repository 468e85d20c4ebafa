// Package locks connects to Redis and elects there: who schedules, and who runs a
// task.
//
// [Open] makes a client of Redis alone, with Sentinel or as a Cluster. What its calls
// return is an [Error], which holds no secret and may be printed; [Advice] says what
// to do about it.
//
// A [Lease] is a lock with a life, kept by refreshing it. Its context ends when
// it can no longer be trusted, which is before Redis would give it to another.
// [ErrHeld] says that another process has it, and nothing else is taken for that:
// a Redis that does not answer, refuses or does not know is another error. What
// stands at a lease's key and would stay for ever is no lease; it is given an end.
//
// Redis may forget everything at any time, so a lease elects and does not
// protect: what protects is the writer's lock in MySQL. A [Fingerprint] of Porta's
// database keeps apart two installations that share a name by mistake.
package locks
