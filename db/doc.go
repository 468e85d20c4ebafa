// Package db reads and writes the three tables of Porta that a rotation and a
// purge need: accounts, users and access_tokens.
//
// Reads go through a pool ([Tenants], [StaleTokens]). Every INSERT, UPDATE and
// DELETE goes through a [Writer]: the one connection that holds MySQL's
// GET_LOCK for the task, so that a scheduler which lost its place cannot write.
// The schema is Porta's; this package creates and alters nothing.
package db
