// Package db reads and writes the three tables of Porta that a rotation and a purge
// need: accounts, users and access_tokens. The schema is Porta's. This package creates
// and changes no table.
//
// Reads use a pool ([Tenants], [Tokens], [StaleTokens]). The gateway finds tenants with
// [Hosts]. Every INSERT, UPDATE and DELETE of a run uses a [Writer]: the one connection
// that holds MySQL's GET_LOCK for the task and the database. A scheduler that has lost
// the connection has lost the lock too, and can't write.
//
// [Writers] opens one writer after the other. If a lost connection of this process
// still holds the lock, it ends that connection.
//
// Each connection sets up its session itself, so that no default of the server changes
// what a statement means. Errors keep the server's number. [Definite], [ReadOnly],
// [TimedOut] and [TooLarge] classify them, and [Advice] says what to do.
package db
