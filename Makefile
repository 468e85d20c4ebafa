# The commands of this project. `make demo` and `make test` install what they need on a
# machine that has Go.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# The status page's templates find methods by name, so the linker keeps all of them.
# Each of the Redis client's hundreds of commands is in a dozen types. Inlined there,
# they would add 2 MiB to the binary.
GCFLAGS := -gcflags=github.com/redis/go-redis/v9=-l -gcflags=google.golang.org/protobuf/...=-l
LINT_VERSION := v2.15.0
LINT := .tools/golangci-lint-$(LINT_VERSION)
NFPM := .tools/nfpm
CYCLONEDX := .tools/cyclonedx-gomod
GOVULNCHECK := .tools/govulncheck
TIMEOUT := 9m

BIN := bin/scheduler

.PHONY: build test lint demo simulate chaos manifests bench docs container boot release release-test vulnerabilities deps clean

## build: builds bin/scheduler
build:
	CGO_ENABLED=0 go build -trimpath $(GCFLAGS) -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/scheduler

## test: runs all tests with the race detector, on private servers. Most tests wait more
## than they work, so many run at a time. -count=1, because go's cache does not know that
## tests/ builds and runs the program
test: deps
	go test -race -count=1 -parallel 12 -timeout $(TIMEOUT) ./...

## demo: runs two rotations and a purge on private servers, in under a minute
demo: build
	@tests/deps.sh servers
	@go build -o bin/demo ./tests/demo && exec bin/demo -bin bin/scheduler

## simulate: runs WEEKS weeks of trouble in virtual time; SEED=n repeats one of them
WEEKS ?= 1000
simulate:
	WEEKS=$(WEEKS) go test -run TestSimulation -timeout 6h -v ./cmd/scheduler | grep -v '^=== '

## chaos: fails everything around two gateways at random for LASTS
LASTS ?= 5m
chaos: deps
	GATEWAY_CHAOS=$(LASTS) go test -race -count=1 -run TestGatewayInChaos -timeout 6h -v ./tests

## lint: runs golangci-lint, built from source at its pinned version, and go vet
lint: $(LINT)
	$(LINT) run ./...
	go vet ./...
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change: $$(gofmt -l .)"; exit 1; }
	go mod tidy -diff

$(LINT):
	@mkdir -p .tools
	GOBIN=$(CURDIR)/.tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	@mv .tools/golangci-lint $(LINT)

## manifests: checks what deploy/kubernetes makes against the schemas of Kubernetes
manifests: .tools/kustomize .tools/kubectl-validate
	tests/manifests.sh .tools

.tools/kustomize:
	GOBIN=$(CURDIR)/.tools go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

.tools/kubectl-validate:
	GOBIN=$(CURDIR)/.tools go install sigs.k8s.io/kubectl-validate@v0.0.4

## release: builds the files of release VERSION=1.2.3 into dist/, from the last commit
DIST := dist
release: $(NFPM) $(CYCLONEDX)
	deploy/package/release.sh '$(VERSION)' '$(DIST)' .tools

## release-test: builds a release twice and compares; installs and removes its packages
release-test: $(NFPM) $(CYCLONEDX)
	tests/release.sh .tools

$(NFPM):
	GOBIN=$(CURDIR)/.tools go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.0

$(CYCLONEDX):
	GOBIN=$(CURDIR)/.tools go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

## vulnerabilities: looks for known ones in what the program calls; asks vuln.go.dev
vulnerabilities: $(GOVULNCHECK)
	$(GOVULNCHECK) ./...

$(GOVULNCHECK):
	GOBIN=$(CURDIR)/.tools go install golang.org/x/vuln/cmd/govulncheck@v1.9.0

## docs: writes the page of the flags, and the alert rules for Prometheus's operator
docs:
	UPDATE=1 go test -count=1 -run TestConfigurationPage ./cmd/scheduler/config
	UPDATE=1 go test -count=1 -run TestPrometheusRulesAreTheRules ./tests

## container: builds and runs the image with buildah; LOCAL=1 uses no registry
container:
	tests/container.sh

## boot: runs the systemd chapter of docs/operations.md on a booted systemd, in a copy of
## this machine's root. It needs root
boot: build
	@tests/deps.sh servers
	@go build -o bin/demo ./tests/demo && exec tests/boot.sh

## bench: measures a rotation and a purge against bare alternatives; writes docs/performance.md
BENCH ?= -tenants 5000 -sizes 1000,10000,100000,1000000 -buyers 1000000 -stale 1000000
bench: build
	@tests/deps.sh servers
	@go build -o bin/bench ./tests/bench && exec bin/bench -bin bin/scheduler -json bin/bench.json -page docs/performance.md $(BENCH)

## deps: installs what the tests run, if it is missing
deps:
	@tests/deps.sh

clean:
	rm -rf bin dist .tools
