// Package tasks knows what a task is and how one run of it is guarded, timed
// and reported, whatever the task does: the daemon and --run-once share it.
//
// A [Runner] takes the task's run lease, so that one process at a time runs it,
// turns a panic into an outcome, counts, logs one summary line, and notes the
// success in the [Ledger], the record on Redis of what was done and when.
package tasks
