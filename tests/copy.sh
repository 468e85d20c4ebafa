#!/bin/sh
# Runs a command in a throw-away copy of this machine's root, an overlay: copy.sh
# COMMAND ARGUMENT... Nothing outside of the copy changes. It needs root.
set -eu

[ "$(id -u)" = 0 ] || { echo "$1: needs root for an overlay; skipped" >&2; exit 0; }
if [ -z "${IN_COPY:-}" ]; then
	IN_COPY=$(mktemp -d)
	export IN_COPY
	trap 'rmdir "$IN_COPY"' EXIT
	unshare --mount "$0" "$@"
	exit
fi
mount -t tmpfs copy "$IN_COPY"
mkdir "$IN_COPY/upper" "$IN_COPY/work" "$IN_COPY/root"
mount -t overlay copy -o "lowerdir=/,upperdir=$IN_COPY/upper,workdir=$IN_COPY/work" "$IN_COPY/root"
mount --rbind /dev "$IN_COPY/root/dev"
mount -t proc proc "$IN_COPY/root/proc"
# shellcheck disable=SC2016
exec chroot "$IN_COPY/root" sh -c 'cd "$0" && exec "$@"' "$PWD" "$@"
