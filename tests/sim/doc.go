// Package sim models the servers in memory: a MySQL with Porta's rows, a Redis, a Zync
// and the network. The simulation of cmd/scheduler runs on them in virtual time.
//
// Each server has the interface through which the program uses the real one, and can
// fail as the real one does. This package tests the order of events. What SQL statements
// and Redis's scripts do is tested on real servers.
package sim
