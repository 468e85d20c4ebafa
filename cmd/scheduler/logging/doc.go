// Package logging writes the log without ever blocking the program.
//
// A log line goes into a bounded queue, and one goroutine writes the queue to the output.
// If the reader hangs, or the pipe or disk takes nothing, lines are lost and nothing else
// happens. Lost lines are counted. When writing works again, the log says how many were
// lost.
//
// Libraries were tried. zerolog's diode and samber's slog handlers drop lines too, but
// they ignore the writer's errors, and their Close waits for a reader that hangs.
package logging
