#!/bin/sh
# After a removal. Only dpkg's purge deletes the configuration, secrets included.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || :
fi
if [ "${1:-}" = purge ]; then
	rm -rf /etc/token-scheduler
fi
