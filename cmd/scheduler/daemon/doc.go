// Package daemon runs the tasks on their schedules, in one process at a time.
//
// One daemon of an installation leads: it holds a lease on Redis, and only it schedules.
// The others stand by and try to take the lease about every second. A leader that loses
// the lease ends its work at once. A leader that is told to stop lets its work finish, and
// then gives the lease up. A leader whose rotations reach nobody for 15 minutes steps
// aside, so that a standby can try.
//
// Leases and ledger belong to one Porta. If they belong to another one, a daemon only asks
// again from time to time; see [Options.Owns].
//
// If no rotation has reached everyone for half a token's life, a daemon rotates alone,
// whatever the reason: Redis is away, another program holds the lease, or the leader fails.
// MySQL's lock lets only one process write.
//
// Leadership does not guarantee that only one process works at a time, because leases depend
// on clocks. MySQL's lock guarantees that; see package db.
//
// A run that makes no step for too long is ended. If it does not end, the daemon gives up
// the lead, [Daemon.Hung] is true, and a minute later the daemon ends.
//
// Main calls [Daemon.Run]. Its loop beats at least each second whatever it waits for,
// so [Daemon.Silent] tells a health check whether the loop is stuck.
package daemon
