#!/bin/sh
# Boots systemd in a throw-away copy of this machine's root and runs tests/booted.sh
# there: the systemd chapter of docs/operations.md, on servers of its own. make boot calls
# it. It needs root and cgroups that can be written, as a container with many rights has.
set -eu

fail() { echo "boot: $*" >&2; exit 1; }
[ "$(id -u)" = 0 ] || fail "needs root"
if [ -z "${BOOT_SHARE:-}" ]; then
	BOOT_SHARE=$(mktemp -d)
	export BOOT_SHARE
	bin/demo -bin bin/scheduler -tenants 60 -serve "$BOOT_SHARE/etc" &
	demo=$!
	cleanup() {
		# The first process of the namespace takes all others along.
		[ -z "${booted:-}" ] || kill -9 $(cat "/proc/$booted/task/$booted/children") 2>/dev/null || true
		kill "$demo" 2>/dev/null || true
		wait 2>/dev/null || true
		# The cgroups of the services that ran.
		find /sys/fs/cgroup -depth -type d \( -path '*/system.slice*' -o -path '*/init.scope' \) -exec rmdir {} + 2>/dev/null || true
		rm -rf "$BOOT_SHARE"
	}
	trap cleanup EXIT
	for _ in $(seq 60); do [ -s "$BOOT_SHARE/etc/environment" ] || sleep 1; done
	unshare --mount --pid --fork --ipc --uts --cgroup "$0" >"$BOOT_SHARE/boot" 2>&1 &
	booted=$!
	for _ in $(seq 240); do
		[ ! -e "$BOOT_SHARE/result" ] || break
		kill -0 "$booted" 2>/dev/null || break
		sleep 1
	done
	cat "$BOOT_SHARE/said" 2>/dev/null || cat "$BOOT_SHARE/boot"
	[ "$(cat "$BOOT_SHARE/result" 2>/dev/null)" = 0 ] || fail "the chapter does not work on a booted systemd"
	echo "boot: the systemd chapter works"
	exit
fi

# From here on in namespaces of our own, as their first process.
copy=$BOOT_SHARE/copy
mkdir "$copy"
mount -t tmpfs copy "$copy"
mkdir "$copy/upper" "$copy/work" "$copy/root"
root=$copy/root
mount -t overlay copy -o "lowerdir=/,upperdir=$copy/upper,workdir=$copy/work" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs run "$root/run"
mkdir "$root/share" "$root/stubs"
mount --bind "$BOOT_SHARE" "$root/share"

# Of this machine's units none starts.
rm -rf "$root"/lib/systemd/system/*.wants "$root"/etc/systemd/system/*.wants "$root/etc/fstab"
cat >"$root/etc/systemd/system/booted.service" <<UNIT
[Unit]
DefaultDependencies=no
Requires=systemd-journald.service
After=systemd-journald.service
[Service]
Type=exec
WorkingDirectory=$PWD
Environment=HOME=/root PATH=/usr/local/bin:$PATH
StandardOutput=file:/share/said
StandardError=file:/share/said
ExecStart=/bin/sh -c 'tests/booted.sh; echo \$\$? >/share/result'
UNIT
# A user namespace (PrivateUsers=) can't be made in a chroot, so this is a new root.
mkdir "$root/before"
cd "$root"
pivot_root . before
umount -l /before
mount --make-rshared / # for systemd's credentials
exec /usr/bin/env -i container=other /lib/systemd/systemd --system --unit=booted.service --log-target=journal --show-status=no
