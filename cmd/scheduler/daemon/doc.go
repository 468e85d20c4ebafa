// Package daemon runs the tasks on their schedules, in one process at a time.
//
// Of all daemons of an installation one leads: it holds a lease on Redis, and only it
// schedules. The others stand by and try to take the lease about every second. A
// leader that loses the lease ends its work at once. A leader that is told to stop
// lets its work finish, and then gives the lease up. A leader whose rotations reach
// nobody for 15 minutes steps aside, so that a standby can try.
//
// Leases and ledger belong to one Porta. Where they are another's, a daemon does nothing
// but ask again; see [Options.Owns].
//
// Once tokens have passed half their life without a rotation that reached everyone, a
// daemon rotates alone, whatever the reason: Redis is away, another program holds the
// lease, or the leader fails. MySQL's lock keeps several apart.
//
// Leadership is no guarantee that two processes never work at the same time: leases
// depend on clocks. That guarantee is MySQL's, see package db.
//
// A run that makes no step for too long is ended. If it does not end, the daemon gives up
// the lead, [Daemon.Hung] is true, and a minute later the daemon ends.
//
// Main calls [Daemon.Run]. Its loop beats at least each second whatever it waits for,
// so [Daemon.Silent] tells a health check whether the loop is stuck.
package daemon
