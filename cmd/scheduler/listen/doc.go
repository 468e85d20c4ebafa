// Package listen serves HTTP to clients that may be hostile, within fixed bounds.
//
// A client costs at most 8 KiB of header, one of a fixed number of connections, and
// a fixed time. At the limit of connections a new one takes the place of the one
// that has been idle for longest. The limit leaves descriptors for the program's
// own connections. What net/http reports goes to the program's log, one line a
// report, and few of them.
//
// Idle means that no handler works for the connection: it has sent no whole header
// yet, or nothing after the last answer, or does not read its answer. Where no
// connection is idle, the new one is refused.
//
// netutil.LimitListener stops accepting at its limit instead, so that clients which
// hold their connections open would lock out all others.
package listen
