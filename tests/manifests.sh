#!/bin/sh
# Builds what `kubectl apply -k` would apply, and checks each object against the
# schemas of Kubernetes and of Prometheus's operator. make manifests calls it with
# the folder that has kustomize and kubectl-validate.
set -eu

tools=$1
operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
crds=$(go mod download -json "$operator" | awk -F'"' '$2 == "Dir" { print $4 }')/example/prometheus-operator-crd
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir "$out/crds"
cp "$crds/monitoring.coreos.com_servicemonitors.yaml" "$out/crds"

validate() { "$tools/kubectl-validate" --version 1.30 --local-crds "$out/crds" "$1"; }

for variant in daemon cronjob; do
	"$tools/kustomize" build "deploy/kubernetes/$variant" >"$out/$variant.yaml"
	validate "$out/$variant.yaml"
done

# A validator that finds nothing wrong with this would be none.
for mistake in 's/periodSeconds: 2/periodSeconds: soon/' 's/readinessProbe:/readynessProbe:/' 's/interval: 30s/interval: often/'; do
	sed "$mistake" "$out/daemon.yaml" >"$out/broken.yaml"
	if cmp -s "$out/daemon.yaml" "$out/broken.yaml" || validate "$out/broken.yaml" >/dev/null 2>&1; then
		echo "manifests: $mistake goes unnoticed" >&2
		exit 1
	fi
done
