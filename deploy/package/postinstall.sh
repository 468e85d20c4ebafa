#!/bin/sh
# After an installation or an upgrade. The package never starts the daemon: first
# somebody must configure it. An upgrade restarts a daemon that runs.
set -e
for secret in database-url redis-url zync-authentication-token; do
	file=/etc/token-scheduler/$secret
	[ -e "$file" ] || (umask 077 && : >"$file")
done
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
	systemctl try-restart token-scheduler.service || :
fi
