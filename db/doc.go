// Package db reads and writes the three tables of Porta that a rotation and a
// purge need: accounts, users and access_tokens.
//
// Reads go through a pool ([Tenants], [Tokens], [StaleTokens]). Every INSERT, UPDATE
// and DELETE goes through a [Writer]: the one connection that holds MySQL's GET_LOCK
// for the task and the database, so that a scheduler which lost its place cannot
// write. [Writers] opens one after the other, and ends connections of its own that
// were lost and still hold the lock.
//
// Each connection sets its session up anew, so that no default of the server changes
// what a statement means. Errors of the server keep its number: [Definite],
// [ReadOnly], [TimedOut] and [TooLarge] class them, and [Advice] says what to do.
//
// The schema is Porta's; this package creates and alters nothing.
package db
