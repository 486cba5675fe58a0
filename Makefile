SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory

# The programs that tools/go.mod pins.
TOOL := GOWORK=off go -C tools tool

.PHONY: help
help: ## Show this text
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## Test every module of the workspace
	go test work

.PHONY: race
race: ## The same with the race detector
	go test -race work

.PHONY: lint
lint: ## Run gofmt, go vet, staticcheck and golangci-lint
	.ci/run format vet lint

.PHONY: fmt
fmt: ## Format every file
	$$($(TOOL) -n golangci-lint) fmt

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME (10s)
	.ci/run fuzz

.PHONY: pictures
pictures: ## Take the pictures of docs/page.md again
	npm --prefix test/browser ci --no-audit --no-fund
	GOWORK=off go -C test/browser test -count=1 -run Pictures . -args -update

.PHONY: bench
bench: ## Benchmark the core, and summarize ten runs
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	go test -run '^$$' -bench . -benchmem -count 10 -benchtime 100ms . | tee "$$out" && \
	$(TOOL) benchstat "core=$$out"

.PHONY: bench-report
bench-report: ## Benchmark the guard beside its peers, and write docs/benchmarks.md
	GOWORK=off go -C benchmarks run ./report

.PHONY: soak
soak: ## Run three replicas under load and faults for ten minutes
	cd examples/platform && BEARER_FLEET=10m go test -count 1 -timeout 20m -run '^TestFleet$$' -v .

.PHONY: cover
cover: ## Show the core's coverage, function by function
	@out=$$(mktemp) && trap 'rm -f "$$out"' EXIT && \
	go test -coverpkg=.,./internal/... -coverprofile "$$out" . && \
	go tool cover -func "$$out"

.PHONY: ci
ci: ## Run everything that a change has to pass
	.ci/run

.PHONY: release
release: ## Rehearse a release of the files as they are
	.ci/run release

.PHONY: quickstart
quickstart: ## Run the program that the README shows
	go run ./examples/quickstart
