#!/bin/sh
# Pastes the systemd chapter of docs/operations.md into a shell on a booted systemd, and
# checks what the chapter says. tests/boot.sh calls it in a copy of the machine's root
# that has /share/etc, a configuration.
set -eu

fail() {
	echo "booted: $*" >&2
	systemctl status --no-pager token-scheduler >&2 || true
	journalctl --no-pager -o cat -n 30 -u token-scheduler >&2 || true
	exit 1
}
# until_true tries a command for 30 seconds.
until_true() {
	for _ in $(seq 60); do
		if "$@" >/dev/null 2>&1; then return 0; fi
		sleep 0.5
	done
	fail "not true after 30 seconds: $*"
}
show() { systemctl show --value -p "$1" "${2:-token-scheduler}"; }
says() { show StatusText | grep -q "$1"; }

# The editor fills in the files.
printf '#!/bin/sh\nfor file; do cp "/share/etc/${file##*/}" "$file"; done\n' >/stubs/edit
chmod 755 /stubs/edit
mkdir -p /var/lib/prometheus/node-exporter
awk '/^## /{inside = /^## systemd/} inside && /^    /{print substr($0, 5); next} inside{print ""}' docs/operations.md |
	grep -v '^apt install\|^dnf install' >/stubs/chapter
EDITOR=/stubs/edit sh -e /stubs/chapter || fail "a line of the chapter fails"

echo "== the daemon"
until_true says '^leader; [0-9]* of [0-9]* served at [0-9:]*; next '
[ "$(stat -c %U "/proc/$(show MainPID)")" != root ] || fail "it runs as root"
journalctl -u token-scheduler | grep -q 'run ended' || fail "no run in the journal"
journalctl -p warning -u token-scheduler -o cat >/stubs/warnings
grep -q 'tenants skipped' /stubs/warnings || fail "a warning is missing"
if grep -q 'level=INFO' /stubs/warnings; then fail "information is taken for warnings"; fi
if systemctl show token-scheduler | grep -q demo-credential; then fail "a secret is shown"; fi
systemctl reload token-scheduler
systemctl is-active token-scheduler

echo "== a daemon that dies comes back"
kill -9 "$(show MainPID)"
restarted() { [ "$(show NRestarts)" -ge 1 ] && says '^leader; '; }
until_true restarted

echo "== bad configuration is not started again"
cp /etc/token-scheduler/environment /stubs/environment
echo TOKEN_TTL=1m >>/etc/token-scheduler/environment
systemctl restart token-scheduler 2>/dev/null || true
until_true systemctl is-failed token-scheduler
sleep 7
[ "$(show ExecMainStatus)" = 2 ] && systemctl is-failed --quiet token-scheduler || fail "it was started again"
cp /stubs/environment /etc/token-scheduler/environment
systemctl restart token-scheduler
until_true says '^leader; '

echo "== runs without a daemon"
systemctl stop token-scheduler
[ "$(show Result)" = success ] || fail "a stop is a failure"
systemctl list-timers --no-pager | grep -c 'token-scheduler-\(rotate\|janitor\).timer' | grep -qx 2 || fail "a timer is missing"
metrics=/var/lib/prometheus/node-exporter/token-scheduler.prom
for task in rotate janitor; do
	systemctl start token-scheduler-run@$task || fail "the run of $task fails"
	grep -q "task_last_complete_timestamp_seconds{task=\"$task\"} 1" $metrics || fail "no $task in the metrics"
	grep -q '^token_scheduler_tenants{state="served"} 60' $metrics || fail "no tenants in the metrics after $task: $(cat $metrics)"
done
