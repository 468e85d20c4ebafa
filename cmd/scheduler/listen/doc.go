// Package listen serves HTTP to clients that may be hostile, within fixed limits.
//
// A client can use 8 KiB of header, one of a fixed number of connections, and a fixed
// time. The limit of connections leaves descriptors for the program's own work. At the
// limit, the connection that has been idle for longest is closed for a new one. If none
// is idle, the new one is refused. Errors that net/http reports go to the program's log,
// one line each and only a few a minute.
//
// A connection is idle while no handler works for it: its request's header is not
// complete, or no request has followed the last answer. One whose client does not read
// the answer is idle, too.
//
// netutil.LimitListener stops accepting at its limit. Then clients that hold their
// connections open lock out all others.
package listen
