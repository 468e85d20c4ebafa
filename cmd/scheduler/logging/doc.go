// Package logging keeps the log out of the way of the work.
//
// A log line goes into a bounded queue, and one goroutine writes the queue to the
// log's reader. So no caller ever waits for the reader. A reader that hangs, or a
// pipe or disk that takes nothing, costs log lines and nothing else. The lines that
// were lost are counted, and once writing works again the log says how many.
//
// No library did this. zerolog's diode and samber's slog handlers drop lines, but
// ignore the writer's errors, and their Close waits for a reader that hangs.
package logging
