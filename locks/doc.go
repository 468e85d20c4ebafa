// Package locks elects on Redis: who schedules, and who runs a task.
//
// A [Lease] is a lock with a life, kept by refreshing it. Its context ends when
// it can no longer be trusted, which is before Redis would give it to another.
// Redis may forget everything at any time, so a lease elects and does not
// protect: what protects is the writer's lock in MySQL.
package locks
