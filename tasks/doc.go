// Package tasks knows what a task is, and how one run of it is guarded, timed and
// reported, whatever the task does. The daemon and --run-once share it.
//
// A [Runner] takes the task's run lease, so that one process at a time runs it. It
// turns a panic into an outcome, counts, logs one summary line, and records how the
// run ended. Runs by hand have precedence: a daemon's run gives way to them.
package tasks
