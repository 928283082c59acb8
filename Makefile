# `make` lists the targets. Run and test need Go, a C compiler (for the race detector) and make; what needs more says so.
.DEFAULT_GOAL := help
SHELL         := bash

MODULES  := pkg pkg/client services/collector services/executor services/gateway services/simulator services/hourglass deploy/verify
PACKAGES := $(MODULES:%=./%/...)
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X github.com/hourglass-trading/hourglass/pkg/daemon.version=$(VERSION)
LINT     := bin/tools/golangci-lint
FUZZTIME ?= 30s
FIRST    ?= 0
SEEDS    ?= 10000
ARGS     ?= --market sim
MINUTES  ?= 1
CUTS     ?= 10

.PHONY: help build web web-test run test check static format vet tidy lint short alone fuzz bench vopr chaos powercut integration up down release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(if $(shell command -v npm),web) ## bin/hourglass, the one binary for people; with the page where Node is there
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/hourglass ./services/hourglass/cmd/hourglass

web: services/gateway/web/dist/index.html ## the page that the gateway serves; needs Node

WEB_SOURCES := $(shell find services/gateway/web/src services/gateway/web/public services/gateway/web/index.html -type f 2>/dev/null)

services/gateway/web/dist/index.html: $(WEB_SOURCES) services/gateway/web/package-lock.json services/gateway/web/vite.config.ts
	cd services/gateway/web && npm ci --no-audit --no-fund && npm run build

web-test: build ## the page: types, units, and in a browser against the real thing; needs Node and Chromium
	cd services/gateway/web && npm run check && npm test && npm run e2e

run: build ## everything in one process, over a simulated market; ARGS='--market live' for the real ones
	bin/hourglass up $(ARGS)

WHOLE := /services/hourglass/integration
FILES := /deploy/verify# reads files and starts nothing: Prometheus and Kubernetes are not compiled a second time for it

test: ## all tests with the race detector; the tests of the whole, which have time limits, by themselves
	go test -race $(TESTFLAGS) $$(go list $(PACKAGES) | grep -v -e '$(WHOLE)$$' -e '$(FILES)$$')
	go test $(TESTFLAGS) .$(FILES)
	go test -race -parallel 3 $(TESTFLAGS) .$(WHOLE) # platforms at a time, which wait for the clock more than they compute

check: static short ## what must hold before a change is sent

static: format vet tidy lint alone ## what can be said of the code without running it

format:
	@test -z "$$(gofmt -l pkg services deploy | tee /dev/stderr)"

vet:
	go vet $(PACKAGES)

tidy: ## the house rules, as tests (pkg/tidy)
	go test -count=1 ./pkg/tidy

lint: $(LINT) ## golangci-lint, built once (two minutes), module by module
	@# Without deploy/verify: reading Kubernetes takes the linters minutes, and it holds tests alone.
	@bad=0; for m in $(filter-out deploy/verify,$(MODULES)); do echo "lint $$m"; (cd $$m && $(CURDIR)/$(LINT) run ./...) || bad=1; done; exit $$bad

$(LINT):
	GOBIN=$(CURDIR)/bin/tools GOWORK=off go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

short:
	go test -short $(PACKAGES)

alone: # a missing require compiles in the workspace and nowhere else
	@for m in $(MODULES); do echo "build $$m alone"; (cd $$m && GOWORK=off go build ./... && GOWORK=off go mod tidy -diff) || exit 1; done

fuzz: ## each fuzz target for FUZZTIME (30s); what it finds interesting is kept in testdata where the target has a corpus
	@grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' pkg services | while IFS=: read -r file func; do \
	  echo "$$file $${func#func }"; go test -run '^$$' -fuzz "^$${func#func }\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")" </dev/null || exit 1; \
	  HOURGLASS_KEEP_CORPUS="$$(go env GOCACHE)/fuzz/$$(go list "./$$(dirname "$$file")")" go test -count=1 -run "^$${func#func }\$$" "./$$(dirname "$$file")" </dev/null || exit 1; done

vopr: ## the executor's core through SEEDS (10000) seeds of mishaps, from FIRST (0) on; a failing seed is named
	HOURGLASS_VOPR_FIRST=$(FIRST) HOURGLASS_VOPR_SEEDS=$(SEEDS) go test -count=1 -timeout 0 -v -run '^TestAnySeedOfMishaps' ./services/executor

chaos: ## kill, freeze and cut off the services for MINUTES (1) while orders run; then nothing may be lost or doubled
	HOURGLASS_CHAOS_MINUTES=$(MINUTES) go test -count=1 -timeout 0 -v -run '^TestNothingIsLost' ./services/hourglass/integration/chaos

powercut: ## cut the power of the store's file system CUTS (10) times; needs root, loop devices and ext4
	HOURGLASS_POWER_CUTS=$(CUTS) go test -count=1 -timeout 0 -v -run '^TestAPowerCut' ./services/hourglass/integration/chaos

bench: ## all benchmarks, once each
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

integration: ## the images of `docker compose build`, killed, cut off and restarted while orders run; needs Docker
	HOURGLASS_IMAGES=$(or $(IMAGES),latest) go test -count=1 -timeout 20m -v -run '^TestTheImages' ./services/hourglass/integration/containers

up: ## every service in a container of its own, the gateway on http://localhost:8000; needs Docker
	docker compose up --build --detach --wait

down: ## stop the containers; their data stays, `docker compose down --volumes` removes it
	docker compose down

release: ## binaries, images, checksums and their parts into bin/release; VERSION=v1.2.0, with its section in CHANGELOG.md
	VERSION=$(VERSION) .ci/release

clean: ## remove what make built
	rm -rf bin
