// Package sim is a small world in memory for tests under virtual time: a MySQL
// with Porta's rows, a Redis, a Zync and the network before them, each behind the
// interface that the real one is used by, and each able to fail as the real one
// does. What a statement of SQL does is tested on a real server; here it is the
// order of events.
package sim
