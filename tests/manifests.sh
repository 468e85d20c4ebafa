#!/bin/sh
# Builds what `kubectl apply -k` would apply, and checks each object against the schemas
# of Kubernetes and of Prometheus's operator. make manifests calls it with the folder
# that has kustomize and kubectl-validate.
set -eu

tools=$1
operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
crds=$(go mod download -json "$operator" | awk -F'"' '$2 == "Dir" { print $4 }')/example/prometheus-operator-crd
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/crds"
cp "$crds/monitoring.coreos.com_servicemonitors.yaml" "$crds/monitoring.coreos.com_prometheusrules.yaml" "$out/crds"

validate() { "$tools/kubectl-validate" --version 1.30 --local-crds "$out/crds" "$1"; }

fail() { echo "manifests: $*" >&2; exit 1; }

# build makes NAME.yaml from a variant and components. It copies their files, because
# kustomize edit changes them.
cp -R deploy "$out"
kustomize=$(realpath "$tools/kustomize")
build() {
	name=$1 variant=$2
	shift 2
	rm -rf "$out/deploy/kubernetes/$name"
	cp -R "deploy/kubernetes/$variant" "$out/deploy/kubernetes/$name"
	(cd "$out/deploy/kubernetes/$name" && for component; do "$kustomize" edit add component "../$component"; done)
	"$kustomize" build "$out/deploy/kubernetes/$name" >"$out/$name.yaml"
	validate "$out/$name.yaml"
}
build plain-daemon daemon
build daemon daemon monitoring tls-mysql tls-redis
build with-gateway daemon gateway monitoring
build cronjob cronjob monitoring-cronjob tls-mysql tls-redis

# The commands of the chapter in docs/operations.md, as they are printed.
cp -R deploy/kubernetes/daemon "$out/deploy/kubernetes/documented"
awk '/^## /{inside = /^## Kubernetes/} inside && /^    kustomize /' docs/operations.md >"$out/commands"
[ "$(wc -l <"$out/commands")" -ge 5 ] || fail "the chapter has few commands: $(cat "$out/commands")"
(cd "$out/deploy/kubernetes/documented" && PATH="$(dirname "$kustomize"):$PATH" sh -e "$out/commands")
"$kustomize" build "$out/deploy/kubernetes/documented" >"$out/documented.yaml"
validate "$out/documented.yaml"
grep -q 'image: registry.example.com/token-scheduler:1.0.0' "$out/documented.yaml" || fail "the image is not the documented one"

# The components have had their effect, and every image has a version.
for want in ServiceMonitor PrometheusRule grafana_dashboard DATABASE_SSL_CA REDIS_CA_FILE /etc/token-scheduler/tls-redis AlwaysAllow; do
	grep -q "$want" "$out/daemon.yaml" || fail "no $want for the daemon"
done
[ "$(grep -c 'secretName: token-scheduler-tls-mysql' "$out/cronjob.yaml")" = 2 ] || fail "a CronJob has no certificates"
for want in GATEWAY_LISTEN_ADDRESS 'name: token-scheduler-gateway' 'containerPort: 9396' 'targetPort: gateway' 'threescale_component: zync' \
	'seconds: 5' SHUTDOWN_GRACE; do
	grep -q "$want" "$out/with-gateway.yaml" || fail "no $want with the gateway"
	grep -q "$want" "$out/plain-daemon.yaml" && fail "$want without the gateway"
done
[ "$(grep -c 'path: /readyz' "$out/with-gateway.yaml")" = 0 ] || fail "a gateway is taken out of its Service while MySQL is away"
grep -q ServiceMonitor "$out/plain-daemon.yaml" && fail "the daemon alone asks for Prometheus's operator"
grep -h 'image:' "$out"/*.yaml | grep -qv ':[0-9][0-9.]*$' && fail "an image without a version"

# A validator that accepts this would be useless.
echo --- >"$out/separator"
for mistake in 's/port: 9396$/port: page/' 's/sleep:/slip:/' 's/periodSeconds: 2/periodSeconds: soon/' 's/readinessProbe:/readynessProbe:/' 's/interval: 30s/interval: often/' 's/for: 70m/for: longer/'; do
	cat "$out/daemon.yaml" "$out/separator" "$out/with-gateway.yaml" >"$out/right.yaml"
	sed "$mistake" "$out/right.yaml" >"$out/broken.yaml"
	if cmp -s "$out/right.yaml" "$out/broken.yaml" || validate "$out/broken.yaml" >/dev/null 2>&1; then
		echo "manifests: $mistake goes unnoticed" >&2
		exit 1
	fi
done
