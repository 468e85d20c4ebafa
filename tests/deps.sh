#!/bin/sh
# Installs what the tests and the demo run, if it is missing: mariadbd, redis-server, a
# C compiler for the race detector, a browser for the status page, promtool for the
# alert rules and systemd-analyze for the units. It leaves no service running that did
# not run before. "deps.sh servers" installs only MariaDB and Redis.
set -eu

PATH="$PATH:/usr/sbin:/usr/libexec:/usr/local/sbin"
has() { command -v "$1" >/dev/null 2>&1; }
need=""
{ has mariadbd && { has mariadb-install-db || has mysql_install_db; }; } || need="$need mariadb"
{ has redis-server || has valkey-server; } || need="$need redis"
if [ "${1:-all}" != servers ]; then
	{ has cc || has gcc; } || need="$need cc"
	{ has chromium || has chromium-browser || has google-chrome || has google-chrome-stable; } || need="$need chromium"
	has promtool || need="$need promtool"
	{ has systemd-analyze || [ "$(uname)" != Linux ]; } || need="$need systemd"
fi
[ -n "$need" ] || exit 0

root=""
if [ "$(id -u)" != 0 ] && ! has brew; then
	has sudo || { echo "deps:$need missing; run this as root, or install sudo" >&2; exit 1; }
	root="sudo"
fi

apt() {
	# Packages of servers start them. policy-rc.d is Debian's way to prevent that.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
		$root chmod 755 $policy
		trap '$root rm -f $policy' EXIT
	fi
	$root apt-get update -qq
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
	# Nor at the next boot.
	if has systemctl; then
		for service in redis-server prometheus; do
			case " $* " in *" $service "*) $root systemctl disable --quiet "$service" >/dev/null 2>&1 || true ;; esac
		done
	fi
}

packages=""
add() { case " $need " in *" $1 "*) shift; packages="$packages $*" ;; esac; }
if has apt-get; then
	add mariadb mariadb-server-core mariadb-client-core
	add redis redis-server
	add cc gcc libc6-dev
	add chromium chromium
	add promtool prometheus
	add systemd systemd
	# shellcheck disable=SC2086
	apt $packages
elif has dnf; then
	add mariadb mariadb-server
	add redis redis
	add cc gcc
	add systemd systemd
	# shellcheck disable=SC2086
	$root dnf install -y -q $packages || $root dnf install -y -q $(echo "$packages" | sed 's/ redis$/ valkey/; s/ redis / valkey /')
	# Not every release has a package of these. The tests that need them say so.
	packages=""
	add chromium chromium
	add promtool golang-github-prometheus
	for package in $packages; do $root dnf install -y -q "$package" || true; done
elif has brew; then
	add mariadb mariadb
	add redis redis
	add promtool prometheus
	# shellcheck disable=SC2086
	brew install --quiet $packages
	case "$need" in *chromium*) brew install --quiet --cask chromium ;; esac
else
	echo "deps: install$need by hand: neither apt-get, dnf nor brew is here" >&2
	exit 1
fi
