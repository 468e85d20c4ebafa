# Makes the manual page scheduler(8) from the output of scheduler --help, so that the
# two can't differ. scheduler --help | awk -v version=1.2.3 -v date=2026-11-25 -f
# manpage.awk
function roff(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	gsub(/'/, "\\(aq", text)
	sub(/^\./, "\\\\\\&.", text)
	return text
}
# flush ends the flag that is being read.
function flush() {
	if (flag != "") print ".TP\n\\fB" roff(flag) "\\fR\n" roff(meaning)
	flag = meaning = ""
}
BEGIN {
	print ".TH SCHEDULER 8 \"" date "\" \"token\\-scheduler " roff(version) "\" \"System Administration\""
	print ".SH NAME\nscheduler, token\\-scheduler \\- sync tokens for every 3scale tenant"
	print ".SH SYNOPSIS\n.B scheduler\n[flags]\n.br\n.B token\\-scheduler\n[flags]"
	print ".SH DESCRIPTION"
}
/^Usage:/ { next }
/^Flags:/ { inflags = 1; print ".SH OPTIONS"; next }
!inflags && /^Exit codes:/ { status = 1 }
!inflags && /^$/ { if (!status) pause = described; status = 0; next }
status { exits = exits (exits == "" ? "" : " ") $0; next }
!inflags { if (pause) print ".PP"; print roff($0); described = 1; pause = 0; next }
/^ +(-[a-z], +)?--[a-z]/ {
	flush()
	line = $0
	sub(/^ +/, "", line)
	gsub(/, +--/, ", --", line)
	at = match(line, /  +/)
	flag = at ? substr(line, 1, at - 1) : line
	meaning = at ? substr(line, at + RLENGTH) : ""
	next
}
/^ / { sub(/^ +/, ""); meaning = meaning (meaning == "" ? "" : " ") $0; next }
/^$/ { flush(); next }
{ flush(); print ".SS " roff($0) }
END {
	flush()
	sub(/^Exit codes: */, "", exits)
	print ".SH EXIT STATUS\n" roff(exits)
	print ".SH FILES"
	print ".TP\n.I /etc/token\\-scheduler/environment\nVariables, NAME=value, for the units and for"
	print ".BR token\\-scheduler ,\nwhich runs\n.B scheduler\nby hand with the configuration of the units."
	print ".TP\n.I /etc/token\\-scheduler/database\\-url"
	print ".TQ\n.I /etc/token\\-scheduler/redis\\-url"
	print ".TQ\n.I /etc/token\\-scheduler/zync\\-authentication\\-token\nSecrets, one a file, for root alone."
	print ".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1),"
	print "https://github.com/token\\-scheduler/token\\-scheduler"
}
