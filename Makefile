# Aftercare's build. Targets that run something say what they need; none uses
# the network but for downloading Go modules and, in sdk-suite, npm packages.
SHELL := /bin/sh
.DEFAULT_GOAL := help

GO ?= go
# What the programs say of themselves: make VERSION=v1.2.3. By default, the commit if
# this folder is a repository; the same sources and VERSION make the same bytes.
ifeq ($(origin VERSION),undefined)
VERSION := $(or $(and $(wildcard .git),$(shell git describe --tags --always --dirty 2>/dev/null)),dev)
endif
platforms := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
functions := $(patsubst functions/%/main.go,%,$(wildcard functions/*/main.go))
# Without VCS stamps, so that it builds in any checkout and twice to the same bytes;
# with the same settings for each program, so that they share what is compiled. Nothing
# speaks HTTP/2: transport.Pool dials by itself. Without it, a binary is 0.4 MB smaller.
build := CGO_ENABLED=0 $(GO) build -tags nethttpomithttp2 -trimpath -buildvcs=false -ldflags "-s -w -X aftercare/shared/version.stamped=$(VERSION)"

# Sets race to -race, or to nothing without a C compiler.
race := race=-race; \
	if ! echo '\#include <stdlib.h>' | $$($(GO) env CC) -E - >/dev/null 2>&1 || test "$$($(GO) env CGO_ENABLED)" != 1; then \
		race=; echo "no C compiler is found: the tests run without the race detector"; \
	fi

# Many tests wait for others, so more packages run at once than there are
# processors; the tables for debuggers would double the time to link.
quick := -shuffle=on -parallel 16 -p 4 -vet=off -ldflags=-w

.PHONY: help
help: ## print this
	@echo "Targets:"
	@sed -n 's/^\([a-z][a-z/<>-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | awk -F '\t' '{ printf "%-20s %s\n", $$1, $$2 }'
	@echo "  dist/<function>    one function's package, for example dist/sweep"

# The packages whose tests take longest begin first, so that none of them ends alone.
longest := ./tests/faults ./scripts/aftercare ./shared/ledger ./shared/handler ./shared/engine

.PHONY: test
test: ## check the format, and run the tests but those of "cloud", and a sample of what it and "faults" run whole, with the race detector if there is a C compiler
	@unformatted=$$(gofmt -l functions shared scripts tests) && test -z "$$unformatted" || \
		{ echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; }
	@$(race); set -x; $(GO) test $$race $(quick) -timeout 20m -short $$($(GO) list $(longest) ./... | grep -v /localcloud)

# The time limits only keep a hang from lasting: beside ten busy processes, the
# tests take six times as long.

# Without the race detector, under which "test" plays a sample of the same.
.PHONY: faults
faults: ## fail every call, kill every invocation: the fault sweeps, arrays of 10,000 events, and whole what "test" samples
	$(GO) test $(quick) -timeout 40m ./tests/faults ./shared/... ./scripts/...

.PHONY: cloud
cloud: ## test the local cloud, its command line with real processes, the README's "Ten minutes by hand", and the functions' binaries, also beside those of an older and a newer version
	@$(race); set -x; $(GO) test $$race $(quick) -timeout 20m $$($(GO) list ./... | grep -e /localcloud -e /deploy)
	@chromium --version >/dev/null 2>&1 || echo "SKIPPED the inbox's page in a browser (there is no chromium)"

.PHONY: flows
flows: bin/aftercare ## find the mistakes in functions/flows.yaml, and try it with its cases
	@bin/aftercare flows validate functions/flows.yaml
	@bin/aftercare flows test functions/flows.yaml

.PHONY: build
build: $(functions:%=dist/%) tools ## build the function packages in dist/ and the tools in bin/

# For the machine that this runs on. dist/ is for Function Compute, whatever this
# machine is. Anything else in .local is the local cloud's.
native := .local/dist
flows := $(native)/flows.compiled

# What is up to date is for the go command to know.
.PHONY: $(functions:%=dist/%)
$(patsubst %,dist/%,$(filter-out alerts dead-letters,$(functions))): dist/%: $(flows)
	@mkdir -p $@
	GOOS=linux GOARCH=amd64 $(build) -o $@/$* ./functions/$*
	@cp $(flows) $@/flows.compiled

# It reads no flows.
dist/dead-letters:
	@rm -rf $@ && mkdir -p $@
	GOOS=linux GOARCH=amd64 $(build) -o $@/dead-letters ./functions/dead-letters

# Puts alerts.yaml into a folder, if there is one and it has no mistake.
with-alerts = test ! -e functions/alerts.yaml || { bin/aftercare alerts validate functions/alerts.yaml && cp functions/alerts.yaml $1/alerts.yaml; }

# It reads no flows. Without an alerts.yaml, the settings say where alerts go.
dist/alerts: bin/aftercare
	@rm -rf $@ && mkdir -p $@
	GOOS=linux GOARCH=amd64 $(build) -o $@/alerts ./functions/alerts
	@$(call with-alerts,$@)

.PHONY: $(flows)
$(flows): bin/aftercare
	@mkdir -p $(native)
	@bin/aftercare flows compile functions/flows.yaml -o $@

.PHONY: bin/aftercare
bin/aftercare:
	$(build) -o $@ ./scripts/aftercare

tools := ./scripts/aftercare ./scripts/localcloud ./tests/e2e/demo
.PHONY: tools
tools: ## build only the tools: bin/aftercare, bin/localcloud, bin/demo
	$(build) -o bin/ $(tools)

# The tools, and the functions that the local cloud starts.
.PHONY: native
native:
	@mkdir -p $(native)
	$(build) -o bin/ $(tools) $(functions:%=./functions/%)
	@set -e; bin/aftercare flows compile functions/flows.yaml -o $(flows); \
	for function in $(functions); do \
		mkdir -p $(native)/$$function; \
		ln -f bin/$$function $(native)/$$function/$$function; \
		ln -f $(flows) $(native)/$$function/flows.compiled; \
	done; \
	rm -f $(native)/alerts/alerts.yaml

.PHONY: demo
demo: native ## build, then play the demo: the whole system with real function processes, on loopback
	@bin/demo

.PHONY: local
local: native ## run the local cloud with shortened waits, its data in .local/, until Ctrl-C; alerts go where functions/alerts.yaml says, if it is there
	@$(call with-alerts,$(native)/alerts)
	@bin/localcloud up --fast --dist $(native)

# Pinned, so that what it prints changes with this line only.
serverless-devs := @serverless-devs/s@3.1.10

.PHONY: deploy-test
deploy-test: ## run scripts/deploy.sh whole onto the local cloud's control planes, with the real Serverless Devs, and hold what that reads to the component's schema, if npm can install it
	@mkdir -p bin
	@npm install --no-audit --no-fund --prefix bin/.serverless-devs $(serverless-devs) >bin/.serverless-devs.log 2>&1 || \
		{ echo "SKIPPED the deployment (npm could not install $(serverless-devs))"; exit 0; }; \
	SERVERLESS_DEVS=$(CURDIR)/bin/.serverless-devs/node_modules/.bin/s $(GO) test -count=1 -timeout 20m -run 'TheRealPreview|ADeployment' ./tests/deploy ./tests/e2e/deploy

.PHONY: sdk-suite
sdk-suite: ## run the own tests of the Tablestore SDKs for Go and, if npm can install it, Node.js against the local Tablestore
	$(GO) run ./tests/sdksuite

.PHONY: ecs-sdk
ecs-sdk: ## run the ECS SDK that the vendor supports against the local ECS; compiling it takes 2 GB of memory
	cd tests/localcloud/ecs/currentsdk && $(GO) vet . && $(GO) test .

.PHONY: bench
bench: ## measure the functions against bare ones, under contention, and throttled: 40 minutes (one part: go run ./tests/bench -run NAME)
	$(GO) run ./tests/bench

# ECS allows 60 × R commands in a minute of the clock, which MINUTE shortens.
N ?= 200
R ?= 50
MINUTE ?= 1m
SENDS ?= 0
# With FAIL=1, the command of each instance fails, and messages to people are counted.
FAIL ?=
.PHONY: storm
storm: ## boot N instances with 3 waiting commands each within a minute; fail unless each ran once: make storm N=1000 R=50 MINUTE=1m; or have N commands fail, and count messages: make storm N=1000 FAIL=1
	$(GO) run ./tests/bench -run '^$(if $(FAIL),failures,storm)$$' -instances $(N) -rate $(R) -minute $(MINUTE) -sends $(SENDS) -limit 1h

.PHONY: soak
soak: native ## put the local cloud under load for ten minutes, and see whether it grows
	$(GO) run ./tests/soak

.PHONY: mutants
mutants: ## change the code one line at a time, and print which test notices each change; may take an hour
	$(GO) run ./tests/mutants

.PHONY: lint
lint: ## look for mistakes (go vet) and code that nothing uses (staticcheck)
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: release
release: ## write archives of aftercare and localcloud for Linux and macOS: make release VERSION=v1.2.3
	@test -n "$(if $(filter file,$(origin VERSION)),,$(VERSION))" || { echo "a release needs a version: make release VERSION=v1.2.3"; exit 1; }
	@test -f LICENSE || { echo "a release needs the licence: LICENSE is missing"; exit 1; }
	@rm -rf dist/release && mkdir -p dist/release
	@set -e; for platform in $(platforms); do \
		name=aftercare-$(VERSION)-$$(echo $$platform | tr / -); \
		mkdir dist/release/$$name; \
		for program in aftercare localcloud; do \
			GOOS=$${platform%/*} GOARCH=$${platform#*/} $(build) -o dist/release/$$name/$$program ./scripts/$$program; \
		done; \
		cp LICENSE dist/release/$$name; \
		tar -C dist/release -czf dist/release/$$name.tar.gz $$name; \
		rm -r dist/release/$$name; \
	done
	@cd dist/release && { command -v sha256sum >/dev/null && sha256sum *.tar.gz || shasum -a 256 *.tar.gz; } >SHA256SUMS && cat SHA256SUMS

.PHONY: clean
clean: ## remove what the build made
	rm -rf bin dist $(native)
