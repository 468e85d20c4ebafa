#!/bin/sh
# Builds a release twice, the second time from a clone in another folder, and compares
# them byte by byte. Looks into the archives and packages. Then tries the deb, and an
# installation from a clone, in a throw-away copy of this machine's root. make
# release-test calls it with the folder that has nfpm and cyclonedx-gomod. The last part
# needs root and dpkg.
set -eu

tools=$(cd "$1" && pwd)
version=9.8.7
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
fail() { echo "release: $*" >&2; exit 1; }

deploy/package/release.sh v$version "$out/one" "$tools"
git clone -q . "$out/elsewhere"
(cd "$out/elsewhere" && umask 077 && deploy/package/release.sh $version "$out/two" "$tools")
diff -r "$out/one" "$out/two" || fail "two builds differ"
(cd "$out/one" && sha256sum -c --quiet SHA256SUMS) || fail "a checksum is wrong"
[ "$(wc -l <"$out/one/SHA256SUMS")" -eq 8 ] || fail "not everything has a checksum: $(cat "$out/one/SHA256SUMS")"

# The content of the archives and packages.
for arch in amd64 arm64; do
	tar -tzf "$out/one/token-scheduler-$version-linux-$arch.tar.gz" >"$out/files"
	for file in scheduler token-scheduler scheduler.8 LICENSE THIRD-PARTY-LICENCES systemd/token-scheduler.service; do
		grep -q "^token-scheduler-$version-linux-$arch/$file$" "$out/files" || fail "no $file in the archive for $arch"
	done
done
grep -q '"name": "github.com/bsm/redislock"' "$out/one/token-scheduler-$version.cdx.json" || fail "the SBOM lacks a module"
grep -q '"bomFormat": "CycloneDX"' "$out/one/token-scheduler-$version.cdx.json" || fail "no SBOM"
if command -v rpm >/dev/null; then
	rpm -qp --nosignature --list --scripts "$out/one/token-scheduler-$version-1.x86_64.rpm" >"$out/rpm"
	for want in /usr/bin/scheduler /usr/lib/systemd/system/token-scheduler.service /usr/share/man/man8/scheduler.8.gz 'preuninstall scriptlet'; do
		grep -q "$want" "$out/rpm" || fail "no $want in the rpm"
	done
fi
tests/copy.sh tests/install.sh "$out/one/token-scheduler_${version}-1_$(dpkg --print-architecture).deb" $version
echo "release: $(wc -l <"$out/one/SHA256SUMS") files, the same twice"
