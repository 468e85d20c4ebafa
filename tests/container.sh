#!/bin/sh
# Builds the image with buildah and runs it. Checks its version, its user, its daemon
# with a health check, and that it has no shell. If LOCAL is set, the base is made from
# this machine's own Go and its modules, and no registry is used.
set -eu

command -v buildah >/dev/null || { echo "container: buildah is not installed" >&2; exit 2; }
version=${VERSION:-$(git describe --tags --always --dirty)}
revision=$(git rev-parse HEAD)
image=localhost/token-scheduler:$version
set -- --isolation=chroot --format=docker
containers=""
file=$(mktemp)
cat Containerfile >"$file"
cleanup() {
	rm -f "$file"
	[ -z "${daemon:-}" ] || kill "$daemon" 2>/dev/null || true
	# shellcheck disable=SC2086
	[ -z "$containers" ] || buildah rm $containers >/dev/null
}
trap cleanup EXIT

if [ -n "${LOCAL:-}" ]; then
	base=$(buildah from scratch)
	containers="$containers $base"
	buildah copy -q "$base" "$(go env GOROOT)" /usr/local/go >/dev/null
	buildah copy -q "$base" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt >/dev/null
	buildah config --env PATH=/usr/local/go/bin --env GOPATH=/go --env GOCACHE=/tmp/cache --env GOPROXY=off \
		--env HOME=/tmp "$base"
	buildah commit -q "$base" localhost/golang:local >/dev/null
	sed 's,docker.io/library/golang:[^ ]*,localhost/golang:local,' Containerfile >"$file"
	set -- "$@" --volume "$(go env GOMODCACHE):/go/pkg/mod:ro"
fi
buildah build -q "$@" --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
	--build-arg "CREATED=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)" \
	-t "$image" -f "$file" . >/dev/null

fail() { echo "container: $*" >&2; exit 1; }
container=$(buildah from "$image")
containers="$containers $container"
in_image() { buildah run --isolation=chroot "$container" -- "$@"; }

# buildah 1.28 loses the output of a short command now and then.
for _ in 1 2 3; do
	printed=$(in_image /usr/local/bin/scheduler --version)
	[ -z "$printed" ] || break
done
[ "$printed" = "token-scheduler $version" ] || fail "the version is not $version but '$printed'"
if in_image /bin/sh -c true 2>/dev/null; then fail "there is a shell"; fi
config=$(buildah inspect --type image --format '{{.Docker.Config}} {{.Docker.Config.Healthcheck}}' "$image")
for want in 65532:65532 --healthcheck 9395/tcp SIGTERM Apache-2.0 image.source image.url image.vendor image.documentation \
	"image.created:20" "image.revision:$revision" "image.version:$version"; do
	case $config in *"$want"*) ;; *) fail "no $want in the image's configuration: $config" ;; esac
done

# The daemon runs without MySQL and Redis, says so, and waits for them.
buildah run --isolation=chroot --env LISTEN_ADDRESS=127.0.0.1:19395 --env SCHEDULE_TIMEZONE=Europe/Berlin \
	--env DATABASE_URL=mysql2://a:b@127.0.0.1:1/c --env REDIS_URL=redis://127.0.0.1:1 --env ZYNC_ENDPOINT=https://127.0.0.1:1 \
	"$container" -- /usr/local/bin/scheduler 2>/dev/null &
daemon=$!
healthy() {
	buildah run --isolation=chroot --env LISTEN_ADDRESS=127.0.0.1:19395 "$container" -- /usr/local/bin/scheduler --healthcheck 2>/dev/null
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
	if healthy; then
		echo "container: $image is built and lives"
		exit 0
	fi
	sleep 1
done
fail "the daemon is not healthy"
