#!/bin/sh
# Installs a deb in a throw-away copy of this machine's root, tries what it installed, and
# removes it again: install.sh FILE VERSION. Nothing outside of the copy changes. It needs
# root, for the copy is an overlay.
set -eu

deb=$(realpath "$1") version=$2
[ "$(id -u)" = 0 ] || { echo "install: needs root for an overlay; skipped" >&2; exit 0; }
[ -n "${IN_COPY:-}" ] || {
	copy=$(mktemp -d)
	trap 'rmdir "$copy"' EXIT
	IN_COPY=$copy unshare --mount "$0" "$deb" "$version"
	exit
}

fail() { echo "install: $*" >&2; exit 1; }
mount -t tmpfs copy "$IN_COPY"
mkdir "$IN_COPY/upper" "$IN_COPY/work" "$IN_COPY/root"
mount -t overlay copy -o "lowerdir=/,upperdir=$IN_COPY/upper,workdir=$IN_COPY/work" "$IN_COPY/root"
mount --rbind /dev "$IN_COPY/root/dev"
mount -t proc proc "$IN_COPY/root/proc"
cp "$deb" "$IN_COPY/root/token-scheduler.deb"
in_root() { chroot "$IN_COPY/root" "$@"; }

in_root dpkg -i /token-scheduler.deb >/dev/null
[ "$(in_root scheduler --version)" = "token-scheduler $version" ] || fail "the binary says $(in_root scheduler --version)"
[ "$(in_root stat -c %a /etc/token-scheduler/database-url)" = 600 ] || fail "the file for a secret is open to others"
in_root man -w scheduler >/dev/null 2>&1 || [ -e "$IN_COPY/root/usr/share/man/man8/scheduler.8.gz" ] || fail "no manual page"
if in_root sh -c 'command -v systemd-analyze' >/dev/null; then
	in_root systemd-analyze verify --man=no token-scheduler.service token-scheduler-run@rotate.service \
		token-scheduler-rotate.timer token-scheduler-janitor.timer || fail "the units are not right"
fi

# By hand, with what the files say. Nothing listens there, which --check says.
printf 'mysql2://a:b@127.0.0.1:1/c\n' >"$IN_COPY/root/etc/token-scheduler/database-url"
printf 'redis://127.0.0.1:1\n' >"$IN_COPY/root/etc/token-scheduler/redis-url"
printf 'a credential\n' >"$IN_COPY/root/etc/token-scheduler/zync-authentication-token"
in_root token-scheduler --check >"$IN_COPY/check" 2>&1 || true
grep -q '^ok *configuration' "$IN_COPY/check" || fail "the configuration is not read: $(cat "$IN_COPY/check")"

# An upgrade keeps what was written, a removal does, too; a purge leaves nothing.
echo 'ZYNC_ENDPOINT=http://elsewhere:8080' >"$IN_COPY/root/etc/token-scheduler/environment"
in_root dpkg -i --force-confold /token-scheduler.deb >/dev/null 2>&1
grep -q elsewhere "$IN_COPY/root/etc/token-scheduler/environment" || fail "an upgrade has overwritten the configuration"
in_root dpkg -r token-scheduler >/dev/null
[ ! -e "$IN_COPY/root/usr/bin/scheduler" ] || fail "the binary is left"
[ -s "$IN_COPY/root/etc/token-scheduler/database-url" ] || fail "a removal has deleted a secret"
in_root dpkg -P token-scheduler >/dev/null 2>&1
left=$(find "$IN_COPY/root/etc" "$IN_COPY/root/usr" -name '*token-scheduler*' | grep -v "$PWD" || true)
[ -z "$left" ] || fail "a purge has left $left"
echo "install: installed, tried, upgraded and removed"
