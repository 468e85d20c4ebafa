#!/bin/sh
# Tries a deb, and the installation from a clone as docs/operations.md describes it, in
# a throw-away copy of this machine's root: tests/copy.sh tests/install.sh FILE VERSION
set -eu

deb=$1 version=$2
fail() { echo "install: $*" >&2; exit 1; }

# The copy has no systemd. The stubs write down how they are called.
mkdir -p /stubs
printf '#!/bin/sh\necho "${0##*/} $*" >>/stubs/asked\n' >/stubs/systemctl
cp /stubs/systemctl /stubs/journalctl
cp /stubs/systemctl /stubs/edit
chmod 755 /stubs/*
export PATH="/usr/local/sbin:/usr/local/bin:/stubs:$PATH" EDITOR=/stubs/edit

# configured writes a configuration that no server answers, and makes --check read it.
configured() {
	printf 'mysql2://a:b@127.0.0.1:1/c\n' >/etc/token-scheduler/database-url
	printf 'redis://127.0.0.1:1\n' >/etc/token-scheduler/redis-url
	printf 'a credential\n' >/etc/token-scheduler/zync-authentication-token
	token-scheduler --check >/stubs/check 2>&1 || true
	grep -q '^ok *configuration' /stubs/check || fail "the configuration is not read: $(cat /stubs/check)"
}
# verified makes systemd check the units.
verified() {
	command -v systemd-analyze >/dev/null || return 0
	systemd-analyze verify --man=no "$1/token-scheduler.service" "$1/token-scheduler-run@rotate.service" \
		"$1/token-scheduler-rotate.timer" "$1/token-scheduler-janitor.timer" || fail "the units are not right"
}

# The deb.
dpkg -i "$deb" >/dev/null
[ "$(scheduler --version)" = "token-scheduler $version" ] || fail "the binary says $(scheduler --version)"
[ "$(stat -c %a /etc/token-scheduler/database-url)" = 600 ] || fail "the file for a secret is open to others"
[ -s /usr/share/man/man8/scheduler.8.gz ] || grep -rq 'path-exclude.*man' /etc/dpkg/dpkg.cfg.d || fail "no manual page"
configured
verified /usr/lib/systemd/system
# An upgrade and a removal keep what was written. A purge leaves nothing.
echo 'ZYNC_ENDPOINT=http://elsewhere:8080' >/etc/token-scheduler/environment
dpkg -i --force-confold "$deb" >/dev/null 2>&1
grep -q elsewhere /etc/token-scheduler/environment || fail "an upgrade has overwritten the configuration"
dpkg -r token-scheduler >/dev/null
[ ! -e /usr/bin/scheduler ] || fail "the binary is left"
[ -s /etc/token-scheduler/database-url ] || fail "a removal has deleted a secret"
dpkg -P token-scheduler >/dev/null 2>&1
for left in /etc/token-scheduler /usr/bin/token-scheduler /usr/lib/systemd/system/token-scheduler.service; do
	[ ! -e $left ] || fail "a purge has left $left"
done

# The clone: the chapter's blocks are pasted into a shell, one after the other. A
# command that reads from the terminal would swallow the lines after it.
awk '/^## /{inside = /^## systemd/} inside && /^    /{print substr($0, 5); next} inside{print ""}' docs/operations.md |
	grep -v '^apt install\|^dnf install' >/stubs/chapter
sed '/^make build/,/^systemctl daemon-reload/!d' /stubs/chapter | sh -e || fail "a line of the installation fails"
hash -r # the programs are elsewhere now
for file in database-url redis-url zync-authentication-token; do
	[ ! -s /etc/token-scheduler/$file ] || fail "$file took a line for a secret"
done
configured
verified /etc/systemd/system
mkdir -p /var/lib/prometheus/node-exporter
sed '1,/^systemctl daemon-reload/d' /stubs/chapter | sh >/stubs/out 2>&1
[ -L /var/lib/prometheus/node-exporter/token-scheduler.prom ] || fail "the metrics of the timers' runs are not linked"
for want in 'edit /etc/token-scheduler/database-url /etc/token-scheduler/environment' 'systemctl enable --now token-scheduler$' \
	'systemctl status --no-pager token-scheduler' 'journalctl -u token-scheduler' 'enable --now token-scheduler-rotate.timer'; do
	grep -q "$want" /stubs/asked || fail "'$want' was not run: $(cat /stubs/asked)"
done
echo "install: the deb was installed, tried, upgraded and removed; the chapter was pasted"
