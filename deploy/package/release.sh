#!/bin/sh
# Builds everything in a release into a folder: for each platform an archive, a deb and
# an rpm, then the SBOM, the licences and the checksums. The same commit and version
# give the same bytes on any machine: times are the commit's, and nothing of the machine
# is in it. make release calls it: release.sh VERSION FOLDER TOOLS
set -eu
umask 022

version=${1#v} dist=$2 tools=$(cd "$3" && pwd)
case $version in
[0-9]*.[0-9]*.[0-9]*) ;;
*) echo "release: VERSION is $1, want one such as 1.2.3" >&2; exit 2 ;;
esac
if [ -n "$(git status --porcelain)" ]; then
	echo "release: there are changes that no commit has; a release is built from a commit" >&2
	exit 2
fi
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
export SOURCE_DATE_EPOCH CGO_ENABLED=0 GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOFLAGS=-buildvcs=false
export LC_ALL=C TZ=UTC
rm -rf "$dist"
mkdir -p "$dist"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { make -s build VERSION="$version" BIN="$2" GOARCH="$1"; }

# The manual page comes from a binary that runs here.
GOOS='' build '' "$work/here"
"$work/here" --help | awk -v version="$version" -v date="$day" -f deploy/package/manpage.awk >"$work/scheduler.8"
go run ./deploy/licences -o "$work/THIRD-PARTY-LICENCES" ./cmd/scheduler

for arch in amd64 arm64; do
	stage=$work/$arch
	mkdir -p "$stage/units"
	build $arch "$stage/scheduler"
	for unit in deploy/systemd/*; do
		sed 's,/usr/local/bin/,/usr/bin/,' "$unit" >"$stage/units/${unit##*/}"
	done
	gzip -9n <"$work/scheduler.8" >"$stage/scheduler.8.gz"
	cp "$work/THIRD-PARTY-LICENCES" "$stage"

	tree=token-scheduler-$version-linux-$arch
	mkdir -p "$work/$tree/systemd"
	cp "$stage/scheduler" "$work/scheduler.8" "$work/THIRD-PARTY-LICENCES" deploy/token-scheduler deploy/environment \
		LICENSE CHANGELOG.md README.md crontab.example "$work/$tree"
	cp deploy/systemd/* "$work/$tree/systemd"
	tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu \
		-c "$tree" | gzip -9n >"$dist/$tree.tar.gz"

	for packager in deb rpm; do
		VERSION=$version ARCH=$arch STAGE=$stage "$tools/nfpm" package -f deploy/package/nfpm.yaml \
			-p $packager -t "$dist" >"$work/log" || { cat "$work/log" >&2; exit 1; }
	done
done

# The bill of materials for both platforms' binaries. They are linked from the same
# modules, which are all in the module cache by now.
GOPROXY=off "$tools/cyclonedx-gomod" bin -json -licenses -std -noserial -notimestamp -version "v$version" \
	-output "$dist/token-scheduler-$version.cdx.json" "$work/amd64/scheduler" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }
cp "$work/THIRD-PARTY-LICENCES" "$dist"
(cd "$dist" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
