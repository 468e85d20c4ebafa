// Package sim models the servers in memory for tests in virtual time: a MySQL with
// Porta's rows, a Redis, a Zync and the network. Each has the interface through which
// the program uses the real one, and can fail as the real one does. Real servers test
// what SQL statements do. This package tests the order of events.
package sim
